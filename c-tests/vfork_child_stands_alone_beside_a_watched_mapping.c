// A vfork child that calls unshare is alone as it is: the parent's mapping is watched as before.
// policy: file@1M:drop-behind
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sched.h>

int main(void) {
    char *p = watched("file", MIB(8), 1);
    for (int i = 0; i < 3; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            unshare(CLONE_FS);
            _exit(0);
        }
        ends_well(pid);
    }
    if (under_shim()) EVENTUALLY(watchers() == 1);
    char *q = watched("other file", MIB(8), 2);
    CHECK(holds(p, MIB(8), 1) && holds(q, MIB(8), 2));
    return 0;
}
