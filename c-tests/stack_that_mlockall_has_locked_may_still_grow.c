// After mlockall(MCL_CURRENT) the main stack is locked, and what it grows by counts against RLIMIT_MEMLOCK: locks of ours leave it what it
// would have.
// policy: anon@64K:lock
// policy: latency
// serial: locks all that is mapped
#include "test.h"
#include <sys/resource.h>

static int deep(int levels) {
    char here[KIB(64)];
    memset(here, levels, sizeof here);
    return levels == 0 ? here[5] : deep(levels - 1) + here[7];
}

int main(void) {
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit limit = {MIB(8), MIB(8)};
        if (setresuid(1000, 1000, 1000) != 0 || setrlimit(RLIMIT_MEMLOCK, &limit) != 0) _exit(0);
        char *before = map(MIB(1));
        if (mlockall(MCL_CURRENT) != 0) _exit(0); // the libraries alone are more
        CHECK(munlock(before, MIB(1)) == 0);
        for (int i = 0; i < 4; i++) memset(map(MIB(1)), 1, MIB(1));
        _exit(deep(44) == 12345);
    }
    ends_well(pid);
    return 0;
}
