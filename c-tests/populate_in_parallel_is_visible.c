// A large mapping that is populated by several threads is there before mmap returns, and so are the threads gone: a
// program that must be single-threaded for a call is so.
// policy: anon@128M:populate
// page: rule1.applied = 1, rule1.failed = 0, own_threads >= 1, own_minor_faults >= 65536
// serial: takes 256 MiB
#include "test.h"
#include "smaps.h"
#include "crew.h"

int main(void) {
    if (processors() < 2) SKIP("one processor only");
    if (available_kb() < 1 << 20) SKIP("less than 1 GiB of memory");
    size_t n = MIB(256) + PAGE;
    char *p = map(n);
    int after = threads();
    CHECK(after == 1);
    if (under_shim()) CHECK(resident(p, n) == n);
    CHECK(is_zero(p, n) && munmap(p, n) == 0);
    return 0;
}
