// Of two rules that match, each axis follows the first that speaks of it.
// policy: anon@4M:nohuge,any:populate,anon@1M:huge+dontdump
// page: rule1.regions >= 1, rule1.applied >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(8);
    char *p = map(n);
    CHECK(p != MAP_FAILED);
    if (under_shim()) {
        CHECK(smaps_flagged(p, n, "nh") == n && smaps_flagged(p, n, "hg") == 0 && smaps_flagged(p, n, "dd") == n);
        CHECK(resident(p, n) == n);
    }
    CHECK(munmap(p, n) == 0);
    return 0;
}
