// A forked child has nothing locked, as fork promises, and its page counts nothing as locked; the parent keeps its.
// policy: latency
// policy: everything
// some page: forked = 1, lock_now = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    char *p = map(MIB(4));
    fill(p, MIB(4), 1);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(smaps_flagged(p, MIB(4), "lo") == 0 && holds(p, MIB(4), 1));
        CHECK(madvise(p, MIB(1), MADV_DONTNEED) == 0 && is_zero(p, MIB(1)));
        CHECK(munmap(p, MIB(4)) == 0);
        munmap(map(KIB(8)), KIB(8));
        exit(0);
    }
    ends_well(pid);
    CHECK(holds(p, MIB(4), 1));
    if (under_shim()) CHECK(smaps_flagged(p, MIB(4), "lo") == MIB(4));
    return 0;
}
