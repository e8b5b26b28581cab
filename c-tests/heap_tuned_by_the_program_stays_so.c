// What the program has set with mallopt stands: nothing is padded, a block over its threshold is a mapping, and what is
// freed at the top goes back at once.
// policy: heap:huge
// policy: throughput
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    CHECK(mallopt(M_TRIM_THRESHOLD, (int)KIB(256)) == 1 && mallopt(M_MMAP_THRESHOLD, (int)KIB(200)) == 1);
    struct blocks b = blocks_of(MIB(8), 1000);
    CHECK(below_the_break(b.at[b.count - 1]) < KIB(512));
    char *large = (char *)malloc(KIB(256));
    CHECK(large != NULL && is_mapped(large));
    free(large);
    char *low = b.at[0];
    blocks_gone(b);
    CHECK((char *)sbrk(0) - low < (ptrdiff_t)MIB(1));
    return 0;
}
