// A rule file:lock=FROM..TO locks that part of the file and no more.
// policy: file@1M:lock=1M..3M
// page: rule1.regions >= 1, rule1.applied >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(4);
    int fd = file_of("file", n, 1);
    char *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    if (under_shim()) {
        CHECK(smaps_flagged(p, n, "lo") == MIB(2) && smaps_flagged(p + MIB(1), MIB(2), "lo") == MIB(2));
    }
    CHECK(holds(p, n, 1) && munmap(p, n) == 0);
    return 0;
}
