// What the program sets with mallopt once its heap has grown stands from then on: what is freed at the top goes back at once.
// policy: heap:huge
// policy: throughput
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    struct blocks b = blocks_of(MIB(8), 1000);
    CHECK(mallopt(M_TRIM_THRESHOLD, (int)KIB(256)) == 1 && mallopt(M_MMAP_THRESHOLD, (int)KIB(200)) == 1);
    char *low = b.at[0];
    blocks_gone(b);
    CHECK((char *)sbrk(0) - low < (ptrdiff_t)MIB(1));
    return 0;
}
