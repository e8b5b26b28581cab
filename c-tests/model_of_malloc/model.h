// The randomised model test of the malloc family: random calls against a reference that knows what every block holds.
// integration/tests/model.rs builds and runs it, under policies and alone.
//
// What must hold in all its files: what is checked is what a correct malloc of any make promises (glibc's where makes
// differ), so that the program passes alone; nothing here allocates but the calls that are the test; every decision
// comes from MODEL_SEED, so that one thread (MODEL_THREADS=1) does the same again, as far as addresses and time allow.
// A failure prints one line with the seed, the epoch, the thread and the number of the operation, and ends the process
// with status 1.
#ifndef MODEL_H
#define MODEL_H
#include "../test.h"
#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
    MOST_THREADS = 6,
    SLOTS = 40,    // records that one thread holds
    MAILBOXES = 48 // records that threads exchange
};

// What an address-space call has left behind on a block until it is freed.
enum left {
    NOTHING,  // every page is ordinary memory of the block
    GUARD,    // some pages can't be touched
    NO_FORK,  // some pages don't exist in a child
    WIPED,    // some pages are zero in a child
    OVERLAID, // some pages are another mapping, which holds the content all the same
    LOCKED    // some pages are locked
};

// A block, or none where `at` is NULL.
struct block {
    char *at;
    size_t size;   // bytes asked for: what realloc keeps
    size_t filled; // bytes that hold the pattern: `size`, or all that malloc_usable_size allows
    uint64_t id;   // what the pattern is made of
    size_t stride; // 0: every byte holds it; else both ends do, and a word of one page in so many
    bool split;    // a call may have made several mappings of it, which mremap refuses to move
    enum left left;
    size_t left_from, left_to; // where, as offsets
    char *from, *to;           // for the overlap check, under the lock of blocks.c
};

// One thread's run.
struct run {
    uint64_t random;
    int epoch, thread;
    unsigned long op;
    const char *doing;
    bool is_child;
    size_t around; // most sizes are a little over this; 0: they are of every kind
    struct block *slots[SLOTS];
};

// What MODEL_WITHOUT leaves out: what another allocator, or the machine, doesn't have.
struct without {
    bool pvalloc, enomem, fork, space;
};

extern struct without without;
extern bool may_set_threshold; // from then on the program's mmap threshold counts, not a rule's
extern __thread struct run *run;
extern struct block *_Atomic mailboxes[MAILBOXES];

// main.c: failures
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
#define REQUIRE(cond, ...)                                                                                     \
    do {                                                                                                       \
        if (!(cond)) fail(__VA_ARGS__);                                                                        \
    } while (0)

// choose.c: decisions
uint64_t any(void);              // 64 random bits of this thread
size_t below(size_t n);          // 0 .. n-1
bool one_in(size_t n);
size_t any_size(void);           // bytes, mostly around the boundaries
size_t impossible_size(void);    // bytes that no machine has
size_t any_alignment(void);      // a power of two from 16 to 4 MiB

// blocks.c: what every block holds
struct block *new_record(void);
void enter_block(struct block *b, char *at, size_t size); // a fresh block: checks that no other is there, and fills it
void leave_block(struct block *b);                        // before it is freed or resized
void check_block(const struct block *b);
void check_prefix(const char *at, const struct block *old, size_t n); // the first n bytes are as they were in `old`
void refill(struct block *b, size_t from, size_t to);
void forget_others(void); // in a child: the blocks of threads that aren't there
size_t live_bytes(void);
void lock_blocks(void); // around fork, so that a child finds the lock free
void unlock_blocks(void);

// calls.c: the malloc family
void allocate(struct block *b);
void release(struct block *b);
void resize(struct block *b);
void churn(void); // many blocks of nearly one size, one after the other
void fail_to_allocate(struct block *b);
void tune(void);

// space.c: address-space calls on pages inside a block
void open_space(void);
void call_on_pages(struct block *b);
void undo_left(struct block *b, bool undo); // before a block goes; without `undo`, what was left goes with it
void map_elsewhere(void);

// children.c: processes
void open_children(const char *self);
void fork_and_look(void);
void start_another(void);

#endif
