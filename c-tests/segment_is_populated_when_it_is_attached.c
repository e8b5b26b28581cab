// A rule shm:populate makes a System V segment resident before shmat returns, and its zeroes are zeroes.
// policy: shm:populate
// policy: shm=/SYSV*:populate
// page: rule1.regions = 1, rule1.applied = 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"
#include "segment.h"

int main(void) {
    int id;
    size_t n = MIB(8) + PAGE;
    char *p = segment(n, &id);
    if (under_shim()) CHECK(resident(p, n) == n);
    CHECK(is_zero(p, n));
    fill(p, n, 3);
    CHECK(holds(p, n, 3) && shmdt(p) == 0 && shmdt(p) == -1 && errno == EINVAL);
    return 0;
}
