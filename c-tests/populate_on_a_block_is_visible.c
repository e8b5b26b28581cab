// A rule malloc:populate makes a block resident before malloc returns.
// policy: malloc@1M:populate
// page: rule1.regions >= 1, rule1.applied >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(8);
    char *p = malloc(n);
    CHECK(p != MAP_FAILED);
    if (under_shim()) {
        CHECK(resident((char *)((uintptr_t)p & -PAGE), n) == n);
    }
    free(p);
    return 0;
}
