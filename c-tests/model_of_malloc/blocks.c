// The reference: where every live block lies and what it holds.
//
// What must hold here: a block is in the table from after the call that gave it until before the call that takes it
// back, so that two that overlap are an error whatever the threads do.
#include "model.h"
#include <sched.h>

enum { MOST_BLOCKS = MOST_THREADS * SLOTS + MAILBOXES + 64 };

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

static struct block records[MOST_BLOCKS];
static atomic_int records_used;
static atomic_flag locked = ATOMIC_FLAG_INIT;
static atomic_size_t live;
static atomic_uint_fast64_t next_id;

void lock_blocks(void) {
    while (atomic_flag_test_and_set(&locked)) sched_yield();
}

void unlock_blocks(void) { atomic_flag_clear(&locked); }

size_t live_bytes(void) { return live; }

struct block *new_record(void) {
    int index = records_used++;
    REQUIRE(index < MOST_BLOCKS, "the model has too few records");
    return &records[index];
}

static word pattern(uint64_t id, size_t offset) { return (id ^ offset * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u; }

// Writes, or compares, one word of the pattern if it lies in from .. to.
#define WORD(offset)                                                                                           \
    do {                                                                                                       \
        size_t o_ = (offset);                                                                                  \
        if (o_ >= from && o_ + 8 <= to) {                                                                      \
            if (write)                                                                                         \
                *(word *)(at + o_) = pattern(b->id, o_);                                                       \
            else if (*(const word *)(at + o_) != pattern(b->id, o_))                                           \
                return o_;                                                                                     \
        }                                                                                                      \
    } while (0)

// Writes the pattern of `b` to from .. to of the bytes at `at`, or compares it: all of it, or in large blocks both ends
// and words between. Returns the offset of what differs, or SIZE_MAX.
static size_t visit(char *at, const struct block *b, size_t from, size_t to, bool write) {
    enum { HEAD = 64, TAIL = 256 };
    size_t words = b->filled & ~(size_t)7;
    if (b->stride == 0 || words <= HEAD + TAIL) {
        for (size_t o = from & ~(size_t)7; o < words && o < to; o += 8) WORD(o);
    } else {
        for (size_t o = 0; o < HEAD; o += 8) WORD(o);
        size_t page = from / PAGE / b->stride * b->stride;
        for (; page * PAGE < to && page < words / PAGE; page += b->stride)
            WORD(page * PAGE + 8 * ((b->id + page * 37) & 511));
        for (size_t o = words - TAIL; o < words; o += 8) WORD(o);
    }
    for (size_t o = words; o < b->filled; o++) {
        if (o < from || o >= to) continue;
        char byte = (char)(b->id + o);
        if (write)
            at[o] = byte;
        else if (at[o] != byte)
            return o;
    }
    return SIZE_MAX;
}

void refill(struct block *b, size_t from, size_t to) { visit(b->at, b, from, to, true); }

static void check_range(const struct block *b, size_t from, size_t to) {
    size_t wrong = visit(b->at, b, from, to, false);
    REQUIRE(wrong == SIZE_MAX, "a block of %zu bytes at %p has lost its content at offset %zu (0x%lx there)", b->size,
            (void *)b->at, wrong, (unsigned long)*(word *)(b->at + (wrong & ~(size_t)7)));
}

void check_block(const struct block *b) {
    if (!b->at) return;
    bool has_gap = b->left == GUARD || (run->is_child && b->left == NO_FORK) || (run->is_child && b->left == WIPED);
    if (!has_gap) {
        check_range(b, 0, b->filled);
        return;
    }
    check_range(b, 0, b->left_from);
    check_range(b, b->left_to, b->filled);
    if (b->left == WIPED)
        REQUIRE(is_zero(b->at + b->left_from, b->left_to - b->left_from),
                "pages with MADV_WIPEONFORK are not zero in a child");
}

void check_prefix(const char *at, const struct block *old, size_t n) {
    size_t wrong = visit((char *)at, old, 0, n, false);
    REQUIRE(wrong == SIZE_MAX, "realloc to %p of a block of %zu bytes at %p keeps %zu bytes, but lost offset %zu",
            (const void *)at, old->size, (void *)old->at, n, wrong);
}

void enter_block(struct block *b, char *at, size_t size) {
    size_t usable = malloc_usable_size(at);
    REQUIRE(usable >= size, "usable size %zu of a block of %zu bytes at %p", usable, size, (void *)at);
    lock_blocks();
    int n = records_used;
    char *to = at + (usable ? usable : 1);
    struct block *other = records;
    while (other < records + n && (other == b || other->from == NULL || other->to <= at || other->from >= to)) other++;
    b->from = at;
    b->to = to;
    unlock_blocks();
    REQUIRE(other == records + n, "a block of %zu bytes at %p overlaps one of %zu at %p", size, (void *)at, other->size,
            (void *)other->at);
    bool all = usable - size <= KIB(64) ? one_in(4) : one_in(64);
    b->at = at;
    b->size = size;
    b->filled = all ? usable : size;
    b->id = (++next_id * 0x9E3779B97F4A7C15u) | 1;
    b->stride = size <= KIB(16) || (size <= MIB(4) && one_in(16)) ? 0 : size <= KIB(256) || one_in(4) ? 1 : 13;
    b->split = false;
    b->left = NOTHING;
    b->left_from = b->left_to = 0;
    live += size;
    refill(b, 0, b->filled);
}

// Another thread's block may have been in the middle of a call at the fork, and one with MADV_DONTFORK is a hole.
void forget_others(void) {
    for (int i = 0; i < records_used; i++) {
        struct block *b = &records[i];
        bool is_known = false;
        for (int s = 0; s < SLOTS && !is_known; s++) is_known = run->slots[s] == b;
        for (int m = 0; m < MAILBOXES && !is_known; m++) is_known = mailboxes[m] == b;
        if (!is_known || b->left == NO_FORK) b->from = b->to = NULL;
    }
}

void leave_block(struct block *b) {
    lock_blocks();
    b->from = b->to = NULL;
    unlock_blocks();
    live -= b->size;
}
