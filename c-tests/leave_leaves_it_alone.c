// A rule with leave keeps later rules away from what it selects.
// policy: anon@4M:leave,anon@1M:populate+lock
// page: rule1.regions >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(8);
    char *p = map(n);
    CHECK(p != MAP_FAILED);
    if (under_shim()) {
        CHECK(resident(p, n) == 0 && smaps_flagged(p, n, "lo") == 0);
    }
    CHECK(munmap(p, n) == 0);
    return 0;
}
