// Process 1 of a namespace makes, by the system call, a child that is process 1 of another: it is a process of its own, and what it
// does waits for no thread of its parent's.
// policy: file@1M:lock=hot
// policy: file@1M:drop-behind,anon@1M:populate=async
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>

static void inner(char *p) {
    CHECK(getpid() == 1);
    struct timespec before, after;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    CHECK(unshare(CLONE_NEWUTS) == 0 && munmap(p, MIB(8)) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    CHECK(after.tv_sec - before.tv_sec < 4); // a wait for a thread that isn't there takes 5 s
    pid_t pid = fork();
    if (pid == 0) free(memset(malloc(MIB(3)), 1, MIB(3))), _exit(0);
    ends_well(pid);
}

int main(void) {
    if (unshare(CLONE_NEWPID) != 0) SKIP("needs root");
    pid_t first = fork();
    if (first == 0) {
        CHECK(getpid() == 1);
        char *p = watched("file", MIB(8), 1);
        CHECK(holds(p, MIB(8), 1));
        *(volatile char *)map(MIB(16)) = 1;
        pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
        CHECK(pid >= 0);
        if (pid == 0) inner(p), _exit(0);
        ends_well(pid);
        CHECK(holds(p, MIB(8), 1) && munmap(p, MIB(8)) == 0);
        _exit(0);
    }
    ends_well(first);
    return 0;
}
