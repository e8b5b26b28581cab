// With lock-max 4M no more than that is locked at a time, in this process, and what is gone gives its share back.
// policy: anon@1M:lock
// env: FAULTLESS_LOCK_MAX=4M
// page: rule1.applied >= 8
#include "test.h"
#include "smaps.h"

int main(void) {
    char *p = map(MIB(64));
    CHECK(smaps_flagged(p, MIB(64), "lo") <= MIB(4));
    CHECK(munmap(p, MIB(64)) == 0);
    for (int i = 0; i < 8; i++) {
        p = map(MIB(3));
        if (under_shim()) CHECK(smaps_flagged(p, MIB(3), "lo") == MIB(3));
        CHECK(munmap(p, MIB(3)) == 0);
    }
    return 0;
}
