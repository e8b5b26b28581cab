// A block for which the program has asked for huge pages, as numpy does for all of its larger arrays, is kept as any other.
// policy: malloc@1M:recycle
// policy: throughput
// page: recycled >= 20
#include "test.h"

int main(void) {
    for (int i = 0; i < 24; i++) {
        char *p = malloc(MIB(40));
        CHECK(p);
        CHECK(madvise((char *)(((size_t)p + PAGE - 1) & ~(PAGE - 1)), MIB(38), MADV_HUGEPAGE) == 0 || errno == EINVAL);
        memset(p, i, MIB(40));
        free(p);
    }
    return 0;
}
