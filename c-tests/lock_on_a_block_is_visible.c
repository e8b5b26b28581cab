// A rule malloc:lock locks a block (VmFlags lo).
// policy: malloc@1M:lock
// page: rule1.regions >= 1, rule1.applied >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(4);
    char *p = malloc(n);
    CHECK(p != MAP_FAILED);
    if (under_shim()) {
        CHECK(smaps_flagged((char *)((uintptr_t)p & -PAGE), n, "lo") == n);
    }
    free(p);
    return 0;
}
