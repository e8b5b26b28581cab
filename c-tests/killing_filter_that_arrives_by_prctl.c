// A filter that the program sets for itself by prctl, and that kills on mlock, madvise, openat, getrusage and the like:
// from then on the shim only passes through, and the program goes on to its end.
// env: FAULTLESS_REPORT=json=report.json
// page: state = sealed, seccomp = 2
#include "test.h"
#include "seccomp.h"

int main(void) {
    char *p = map(MIB(4)), *q = malloc(MIB(4));
    CHECK(q != NULL);
    struct sock_fprog *f = filter(suspicious, COUNT(suspicious), SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) SKIP("no seccomp here");
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, f) == 0);
    compute();
    CHECK(munmap(p, MIB(4)) == 0);
    free(q);
    return 0;
}
