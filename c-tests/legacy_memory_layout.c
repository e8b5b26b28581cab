// Under an unlimited stack the kernel lays memory out from below: mappings and blocks work there too.
// limit: stack=unlimited
#include "test.h"

int main(void) {
    for (int i = 0; i < 4; i++) {
        char *p = map(MIB(6)), *q = malloc(MIB(6));
        fill(p, MIB(6), 1), fill(q, MIB(6), 2);
        CHECK(holds(p, MIB(6), 1) && holds(q, MIB(6), 2));
        p = mremap(p, MIB(6), MIB(12), MREMAP_MAYMOVE);
        CHECK(p != MAP_FAILED && holds(p, MIB(6), 1) && munmap(p, MIB(12)) == 0);
        free(q);
    }
    return 0;
}
