// A program that uses less than 512 KiB of its heap gets no huge page: nothing is asked for, nothing padded, nothing kept.
// policy: heap:huge
// policy: throughput
// page: huge_asked_bytes = 0, regions_ruled = 0
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    struct blocks b = blocks_of(KIB(300), 1000);
    CHECK(below_the_break(b.at[b.count - 1]) < KIB(512));
    if (under_shim()) CHECK(all_of("AnonHugePages") == 0);
    blocks_gone(b);
    return 0;
}
