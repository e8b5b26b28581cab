// What the program locks and what a rule locked may overlap: the program's lock stays when it should, goes when it
// says so, and the other rules of the kernel hold.
#include "test.h"
#include "smaps.h"

int main(void) {
    char *p = map(MIB(4));
    fill(p, MIB(4), 1);
    CHECK(mlock(p + MIB(1), MIB(1)) == 0);
    CHECK(smaps_flagged(p + MIB(1), MIB(1), "lo") == MIB(1));
    errno = 0;
    CHECK(madvise(p + MIB(1), MIB(1), MADV_DONTNEED) == -1 && errno == EINVAL && holds(p, MIB(4), 1));
    CHECK(munlock(p + MIB(1), MIB(1)) == 0);
    CHECK(smaps_flagged(p + MIB(1), MIB(1), "lo") == 0);
    CHECK(madvise(p + MIB(1), MIB(1), MADV_DONTNEED) == 0 && is_zero(p + MIB(1), MIB(1)));
    CHECK(munlock(p, MIB(4)) == 0 && smaps_flagged(p, MIB(4), "lo") == 0);
    CHECK(mlockall(MCL_CURRENT) == 0 && smaps_flagged(p, MIB(4), "lo") == MIB(4));
    CHECK(munlockall() == 0 && smaps_flagged(p, MIB(4), "lo") == 0);
    return 0;
}
