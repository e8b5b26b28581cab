// A mapping that a rule has locked may grow beyond RLIMIT_MEMLOCK, as it may without the rule, also where only a
// part of it could be locked.
// limit: memlock=4M
#include "test.h"

int main(void) {
    for (size_t n = MIB(1); n <= MIB(16); n *= 2) {
        char *p = map(n);
        fill(p, n, 1);
        p = mremap(p, n, n * 8, MREMAP_MAYMOVE);
        CHECK(p != MAP_FAILED && holds(p, n, 1) && p[n * 8 - 1] == 0);
        p = mremap(p, n * 8, n, MREMAP_MAYMOVE);
        CHECK(p != MAP_FAILED && holds(p, n, 1));
        char *q = malloc(n);
        fill(q, n, 2);
        q = realloc(q, n * 8);
        CHECK(q && holds(q, n, 2));
        free(q);
        CHECK(munmap(p, n) == 0);
    }
    return 0;
}
