// What a rule has locked of a System V segment is unlocked when it is detached, and the limit is free for the next: also where
// the program asked for its removal before, and by way of syscall(2).
// policy: shm:lock
// env: FAULTLESS_LOCK_MAX=6M
// page: rule1.regions = 20, rule1.applied = 20, rule1.failed = 0
#include "test.h"
#include "smaps.h"
#include "segment.h"
#include <sys/syscall.h>

int main(void) {
    for (int i = 0; i < 20; i++) {
        int id;
        char *p = segment(MIB(4), &id);
        if (under_shim()) CHECK(smaps_flagged(p, MIB(4), "lo") == MIB(4));
        fill(p, MIB(4), i);
        CHECK(holds(p, MIB(4), i));
        CHECK((i % 2 ? (long)shmdt(p) : syscall(SYS_shmdt, p)) == 0);
        CHECK(locked_kb() == 0);
    }
    return 0;
}
