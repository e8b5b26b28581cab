// A program that moves the break itself, before malloc does, between, and after, keeps what it got there; the heap goes on
// beyond it.
// policy: heap:huge
// policy: throughput
// policy: latency
// policy: heap:nohuge
// serial: memory
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    char *own[4];
    struct blocks b[4];
    for (int i = 0; i < 4; i++) {
        own[i] = (char *)sbrk((intptr_t)MIB(3) + 4000);
        CHECK(own[i] != (char *)-1 && is_zero(own[i], MIB(3) + 4000));
        fill(own[i], MIB(3), 100 + (unsigned)i);
        b[i] = blocks_of(MIB(20), 1000);
    }
    char *end = (char *)sbrk(0);
    CHECK(sbrk((intptr_t)KIB(64)) == end && sbrk(-(intptr_t)KIB(64)) == end + KIB(64) && sbrk(0) == end);
    for (int i = 0; i < 4; i++) {
        blocks_gone(b[i]);
        CHECK(holds(own[i], MIB(3), 100 + (unsigned)i));
    }
    return 0;
}
