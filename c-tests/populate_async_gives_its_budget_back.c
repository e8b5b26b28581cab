// What populate=async has taken of populate-max comes back when memory is unmapped, populated or not.
// policy: anon@1M:populate=async
// env: FAULTLESS_POPULATE_MAX=64M
// page: rule1.regions = 100, rule1.applied = 100, populate_now = 0
#include "test.h"

int main(void) {
    for (int i = 0; i < 100; i++) {
        char *p = map(MIB(48));
        if (i % 3) usleep(i % 3 * 500);
        CHECK(munmap(p, MIB(24)) == 0 && munmap(p + MIB(24), MIB(24)) == 0);
    }
    return 0;
}
