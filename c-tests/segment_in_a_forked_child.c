// A forked child has its parent's segments and none of the locks; what it detaches stays with the parent, locked.
// policy: shm:populate+lock
// limit: memlock=6M
// page: rule1.applied = 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"
#include "segment.h"

int main(void) {
    int id;
    char *p = segment(MIB(4), &id);
    fill(p, MIB(4), 1);
    pid_t child = fork();
    if (child == 0) {
        CHECK(locked_kb() == 0 && holds(p, MIB(4), 1));
        p[0] = 77;
        CHECK(shmdt(p) == 0 && shmdt(p) == -1);
        _exit(0);
    }
    ends_well(child);
    if (under_shim()) CHECK(smaps_flagged(p, MIB(4), "lo") == MIB(4));
    CHECK(p[0] == 77 && shmdt(p) == 0 && locked_kb() == 0);
    return 0;
}
