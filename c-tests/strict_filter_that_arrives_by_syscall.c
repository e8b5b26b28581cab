// A filter that the program sets for itself by syscall, and that allows nothing but what a computing worker needs:
// from then on the shim only passes through, and the program goes on to its end.
// env: FAULTLESS_REPORT=json=report.json
// page: state = sealed, seccomp = 2
#include "test.h"
#include "seccomp.h"

int main(void) {
    char *p = map(MIB(4)), *q = malloc(MIB(4));
    CHECK(q != NULL);
    struct sock_fprog *f = filter(computing, COUNT(computing), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) SKIP("no seccomp here");
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, f) == 0);
    compute();
    CHECK(munmap(p, MIB(4)) == 0);
    free(q);
    return 0;
}
