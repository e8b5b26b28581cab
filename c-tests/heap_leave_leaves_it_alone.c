// heap:leave leaves the heap to glibc: no advice, nothing padded, its own threshold for blocks of their own.
// policy: heap:leave
// policy: heap:leave,any:huge
#include "test.h"
#include "smaps.h"
#include "heap_blocks.h"

int main(void) {
    char *first = (char *)malloc(KIB(256));
    struct blocks b = blocks_of(MIB(8), 1000);
    char *second = (char *)malloc(KIB(256));
    CHECK(first && second && is_mapped(first) && is_mapped(second));
    char *low = b.at[0], *high = b.at[b.count - 1];
    CHECK(smaps_flagged((void *)((size_t)low & ~(PAGE - 1)), (size_t)(high - low), "hg") == 0);
    CHECK(below_the_break(high) < KIB(512));
    return 0;
}
