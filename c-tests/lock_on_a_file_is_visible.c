// A rule file:lock locks a mapping of a file (VmFlags lo, Locked).
// policy: file@1M:lock
// page: rule1.regions >= 1, rule1.applied >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(4);
    int fd = file_of("file", n, 1);
    char *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    if (under_shim()) {
        CHECK(smaps_flagged(p, n, "lo") == n && smaps_kb(p, n, "Locked") >= n >> 10);
    }
    CHECK(holds(p, n, 1) && munmap(p, n) == 0);
    return 0;
}
