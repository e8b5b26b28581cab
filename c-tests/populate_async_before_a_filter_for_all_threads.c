// A filter for all threads of the process that kills on whatever a thread of ours would call next: the thread has ended
// before it comes.
// policy: anon@1M:populate=async
// page: state = sealed
#include "test.h"
#include "smaps.h"
#include "seccomp.h"
#include "crew.h"

int main(void) {
    char *p = map(MIB(256));
    static const int calls[] = {SYS_madvise, SYS_futex, SYS_getrusage, SYS_clock_gettime, SYS_exit};
    struct sock_fprog *f = filter(calls, COUNT(calls), SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) SKIP("no seccomp here");
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1 /* TSYNC */, f) == 0);
    CHECK(threads() == 1);
    usleep(1000);
    CHECK(is_zero(p, MIB(1)));
    _exit(0);
}
