// Blocks aligned to a cache line are kept for the next as all others are, and taken for either sort.
// policy: malloc@1M:recycle
// policy: throughput
// page: recycled >= 40
#include "test.h"
#include <malloc.h>

int main(void) {
    for (int i = 0; i < 44; i++) {
        void *p = NULL;
        switch (i % 4) {
        case 0: CHECK(posix_memalign(&p, 64, MIB(6)) == 0); break;
        case 1: p = memalign(32, MIB(6)); break;
        case 2: p = aligned_alloc(64, MIB(6)); break;
        case 3: p = malloc(MIB(6)); break;
        }
        CHECK(p && (size_t)p % (i % 4 == 1 ? 32 : i % 4 == 3 ? 16 : 64) == 0);
        fill(p, MIB(6), (unsigned)i);
        CHECK(holds(p, MIB(6), (unsigned)i));
        free(p);
    }
    return 0;
}
