// A rule anon:nohuge keeps a mapping on small pages (VmFlags nh).
// policy: anon@1M:nohuge
// page: rule1.regions >= 1, rule1.applied >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(8);
    char *p = map(n);
    CHECK(p != MAP_FAILED);
    if (under_shim()) {
        CHECK(smaps_flagged(p, n, "nh") == n);
    }
    CHECK(is_zero(p, n) && munmap(p, n) == 0);
    return 0;
}
