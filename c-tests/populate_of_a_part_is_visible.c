// A rule file:populate=FROM..TO makes that part of the file resident.
// policy: file@1M:populate=1M..3M
// page: rule1.regions >= 1, rule1.applied >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(8);
    int fd = file_of("file", n, 1);
    char *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    if (under_shim()) {
        CHECK(smaps_kb(p, n, "Rss") >= 2048 && smaps_kb(p, n, "Rss") < n >> 10);
    }
    CHECK(holds(p, n, 1) && munmap(p, n) == 0);
    return 0;
}
