// unshare and setns that the kernel grants to single-threaded programs only give what they give without us, by name and
// by number; afterwards the mapping is watched again.
// policy: file@1M:drop-behind
// policy: file@1M:drop-behind,file@1M:lock
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sched.h>
#include <sys/syscall.h>

static void try(int how, const char *p) {
    int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), result = -1;
    CHECK(own >= 0);
    errno = 0;
    switch (how) {
    case 0: result = unshare(CLONE_NEWUSER); break;
    case 1: result = (int)syscall(SYS_unshare, CLONE_NEWUSER); break;
    case 2: result = setns(own, CLONE_NEWNS); break;
    case 3: result = (int)syscall(SYS_setns, own, CLONE_NEWNS); break;
    case 4: result = unshare(CLONE_SIGHAND | CLONE_VM | CLONE_THREAD); break;
    case 5: result = unshare(CLONE_NEWPID); break;
    case 6: result = unshare(-1); break;
    case 7: result = setns(-1, 0); break;
    }
    printf("%d: %d, errno %d\n", how, result, errno);
    fflush(stdout);
    CHECK(holds(p, MIB(8), 1));
}

int main(void) {
    for (int how = 0; how < 8; how++) {
        pid_t pid = fork();
        if (pid == 0) {
            char *p = watched("file", MIB(8), 1);
            CHECK(holds(p, MIB(8), 1));
            try(how, p);
            if (under_shim() && how != 5 && how > 1) EVENTUALLY(watchers() == 1);
            CHECK(munmap(p, MIB(8)) == 0);
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
