// Blocks of every size are filled where MALLOC_PERTURB_ says so, which glibc does for those that it maps too.
// env: MALLOC_PERTURB_=165
// policy: throughput
// policy: malloc@64K:recycle+populate
// page: state = on, malloc_large = 0
#include "test.h"

static void look(size_t n) {
    unsigned char *p = malloc(n);
    CHECK(p && p[0] == 0x5a && p[n / 2] == 0x5a && p[n - 1] == 0x5a);
    free(p);
}

int main(void) {
    for (int i = 0; i < 3; i++)
        for (size_t n = KIB(64); n <= MIB(64); n *= 4) look(n);
    unsigned char *p = calloc(MIB(1), 8);
    CHECK(p && is_zero(p, MIB(8)));
    free(p);
    return 0;
}
