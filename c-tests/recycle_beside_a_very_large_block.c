// Advice on a block of more than 8 GiB, which is never kept, does not end recycling for the others.
// policy: malloc@1M:recycle
// policy: throughput
// page: recycled >= 20
#include "test.h"

int main(void) {
    char *large = malloc(GIB(9));
    if (!large) SKIP("no 9 GiB of address space here");
    char *page = (char *)(((size_t)large + PAGE - 1) & ~(PAGE - 1));
    CHECK(madvise(page, GIB(8) + MIB(500), MADV_NOHUGEPAGE) == 0 || errno == EINVAL);
    CHECK(madvise(page + GIB(8) + MIB(600), PAGE, MADV_DONTNEED) == 0);
    for (int i = 0; i < 24; i++) {
        char *p = malloc(MIB(20));
        CHECK(p);
        p[0] = 1;
        free(p);
    }
    free(large);
    return 0;
}
