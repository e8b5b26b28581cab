// A rule anon:populate makes a mapping resident before mmap returns.
// policy: anon@1M:populate
// page: rule1.regions >= 1, rule1.applied >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(8);
    char *p = map(n);
    CHECK(p != MAP_FAILED);
    if (under_shim()) {
        CHECK(resident(p, n) == n);
    }
    CHECK(is_zero(p, n) && munmap(p, n) == 0);
    return 0;
}
