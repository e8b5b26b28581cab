// Of large blocks that the program hardly touches, no more becomes resident than huge-growth-max allows.
// env: FAULTLESS_HUGE_GROWTH_MAX=16M
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    size_t before = all_of("Rss");
    for (int i = 0; i < 400; i++) {
        volatile char *p = (volatile char *)malloc(KIB(300));
        CHECK(p != NULL);
        p[KIB(100)] = 1;
    }
    CHECK(all_of("Rss") < before + MIB(4) + MIB(16));
    return 0;
}
