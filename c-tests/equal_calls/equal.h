// Random sequences of memory calls whose every answer is put into a digest: the same seed must give the same digest with
// the shim and without it. Addresses are the kernel's business, so an answer is told relative to the area that it is about.
#ifndef EQUAL_H
#define EQUAL_H
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096ul
#define AREAS 6
#define BLOCKS 24

enum kind { NOTHING, ANON, SHARED_ANON, FILE_PRIVATE, FILE_SHARED, MEMFD, SEGMENT, KINDS };

// Memory that the program mapped and whose every change is its own. Where the kernel has chosen the place there is never a hole
// in it, or some other thread's mapping would come to lie there. At home, where the kernel never places anything by itself,
// there may be holes, and it can grow.
struct area {
    enum kind kind;
    bool is_home;
    // It was put together of several mappings, or given rights, locks or advice in part: whether the kernel makes one of them
    // again, without which mremap neither grows nor moves them, is nothing that it promises.
    bool is_parts;
    char *at;
    size_t pages;
    int fd;      // of a memfd
};

struct block {
    unsigned char *at;
    size_t size;
    unsigned char tag;
};

// One thread's work; all that it does follows from the seed.
struct work {
    uint64_t seed;
    unsigned number;
    unsigned step;
    uint64_t digest;
    struct area area[AREAS]; // the second half at home
    struct block block[BLOCKS];
    int file, pipe[2];
    bool is_child, is_alone;
    char line[512]; // of the trace
};

// A number below `below`.
uint64_t draw(struct work *w, uint64_t below);
// Puts a call and its answer into the digest, and into the trace if there is one.
void tell(struct work *w, const char *call, uint64_t a, uint64_t b, uint64_t c, long result, int error);
// What the kernel's map says of an area, advice aside, and what can be read there.
void look(struct work *w, const struct area *a);
// One random call on an area, or on blocks of malloc.
void call_on_area(struct work *w);
void call_on_blocks(struct work *w);
void give_up(struct work *w);
// A child by fork, which looks at all that it has inherited and goes on for some steps.
void fork_a_child(struct work *w);
// The work itself.
void steps(struct work *w, unsigned count);

#endif
