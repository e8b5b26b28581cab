// A program that is started under a filter as container engines have it, which refuses what programs seldom need: what
// rules need is tried in a child of ours, and then had.
// policy: anon@4M:lock
// page: state = sealed
// some page: exe = started_under_a_filter_that_lets_us_lock, seccomp = 1, rule1.applied = 1, rule1.skipped = 0
#include "test.h"
#include "seccomp.h"
#include "smaps.h"
#include <sys/wait.h>

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        char *p = map(MIB(4));
        if (under_shim()) CHECK(smaps_flagged(p, MIB(4), "lo") == MIB(4));
        CHECK(is_zero(p, MIB(4)));
        CHECK(waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD); // ours is gone
        return 0;
    }
    static const int calls[] = {SYS_ptrace, SYS_reboot, SYS_mount, SYS_userfaultfd, SYS_perf_event_open};
    struct sock_fprog *f = filter(calls, COUNT(calls), SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) SKIP("no seccomp here");
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, f) == 0);
    execl(HERE "/started_under_a_filter_that_lets_us_lock", "started_under_a_filter_that_lets_us_lock", "child", (char *)NULL);
    return 1;
}
