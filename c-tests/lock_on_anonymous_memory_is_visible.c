// A rule anon:lock locks a mapping (VmFlags lo).
// policy: anon@1M:lock
// page: rule1.regions >= 1, rule1.applied >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(4);
    char *p = map(n);
    CHECK(p != MAP_FAILED);
    if (under_shim()) {
        CHECK(smaps_flagged(p, n, "lo") == n && resident(p, n) == n);
    }
    CHECK(is_zero(p, n) && munmap(p, n) == 0);
    return 0;
}
