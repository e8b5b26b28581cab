// A child made by the bare clone syscall puts a filter on itself before any other call of it comes to us: it then makes no call
// but its own.
// page: end = exit
#include "test.h"
#include "seccomp.h"

int main(void) {
    CHECK(munmap(map(MIB(4)), MIB(4)) == 0);
    free(malloc(MIB(4)));
    struct sock_fprog *p = filter(computing, COUNT(computing), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
    for (int i = 0; i < 4; i++) {
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if (pid == 0) {
            if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(2);
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, p, 0, 0) != 0) _exit(3);
            compute();
            _exit(0);
        }
        ends_well(pid);
        free(malloc(MIB(4)));
    }
    return 0;
}
