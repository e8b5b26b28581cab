// A rule shm:populate makes shared memory resident before mmap returns.
// policy: shm:populate
// page: rule1.regions >= 1, rule1.applied >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(8);
    char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    if (under_shim()) {
        CHECK(resident(p, n) == n);
    }
    CHECK(is_zero(p, n) && munmap(p, n) == 0);
    return 0;
}
