// A filter for all threads that kills on whatever the watching thread, or a hook that waits for it, would call: it has
// ended before, and what the program does from then on makes no call of ours.
// policy: file@1M:drop-behind
// page: state = sealed
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include "seccomp.h"

int main(void) {
    char *p = watched("file", MIB(64), 1);
    CHECK(holds(p, MIB(64), 1));
    static const int calls[] = {SYS_madvise, SYS_futex,  SYS_getrusage,   SYS_clock_gettime, SYS_exit,    SYS_mincore,
                                SYS_getpid,  SYS_tgkill, SYS_sched_yield, SYS_ioctl,         SYS_pread64, SYS_clone};
    struct sock_fprog *f = filter(calls, COUNT(calls), SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) SKIP("no seccomp here");
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1 /* TSYNC */, f) == 0);
    CHECK(threads() == 1);
    CHECK(unshare(CLONE_FS) == 0);
    CHECK(mprotect(p, MIB(1), PROT_READ) == 0 && holds(p, MIB(64), 1));
    CHECK(munmap(p, MIB(4)) == 0 && munmap(p + MIB(4), MIB(60)) == 0);
    int fd = open("file", O_RDONLY | O_CLOEXEC);
    char *q = mmap(NULL, MIB(64), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(q != MAP_FAILED && holds(q, MIB(64), 1) && munmap(q, MIB(64)) == 0);
    _exit(0);
}
