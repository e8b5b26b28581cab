// A program that is started under a filter which kills on mlock, prctl and what else a program of its sort never
// calls, runs as without the shim: what may kill is not tried.
// page: state = sealed
// some page: exe = started_under_a_filter_that_kills_on_mlock, seccomp != 2, end = exit
// some page [latency]: seccomp = 1, end = exit
// some page [everything]: seccomp = 1, end = exit
#include "test.h"
#include "seccomp.h"

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        compute();
        return 0;
    }
    static const int calls[] = {SYS_mlock, SYS_mlock2, SYS_munlock, SYS_prctl, SYS_mincore, SYS_memfd_create, SYS_seccomp, SYS_perf_event_open};
    struct sock_fprog *f = filter(calls, COUNT(calls), SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) SKIP("no seccomp here");
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, f) == 0);
    execl(HERE "/started_under_a_filter_that_kills_on_mlock", "started_under_a_filter_that_kills_on_mlock", "child", (char *)NULL);
    return 1;
}
