// After mallopt(M_PERTURB) blocks of every size are filled, and those of before keep what they hold.
// policy: throughput
// policy: malloc@64K:recycle+populate
// page: malloc_large >= 1
#include "test.h"
#include <malloc.h>

int main(void) {
    unsigned char *before = malloc(MIB(16));
    CHECK(before);
    fill(before, MIB(16), 1);
    CHECK(mallopt(M_PERTURB, 0xa5) == 1);
    for (int i = 0; i < 3; i++)
        for (size_t n = KIB(64); n <= MIB(64); n *= 4) {
            unsigned char *p = malloc(n);
            CHECK(p && p[0] == 0x5a && p[n / 2] == 0x5a && p[n - 1] == 0x5a);
            free(p);
        }
    CHECK(holds(before, MIB(16), 1));
    before = realloc(before, MIB(20));
    CHECK(before && holds(before, MIB(16), 1));
    free(before);
    return 0;
}
