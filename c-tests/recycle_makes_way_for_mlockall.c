// What a program has freed is not locked with the rest by mlockall, nor does it count against RLIMIT_MEMLOCK afterwards.
// policy: malloc@1M:recycle
// policy: throughput
// limit: memlock=8M
#include "test.h"
#include <sys/syscall.h>

static void now(int by_number) {
    char *p = malloc(MIB(200));
    CHECK(p);
    memset(p, 1, MIB(200));
    free(p);
    CHECK((by_number ? (int)syscall(SYS_mlockall, MCL_CURRENT) : mlockall(MCL_CURRENT)) == 0);
}

static void in_future(int by_number) {
    CHECK((by_number ? (int)syscall(SYS_mlockall, MCL_FUTURE) : mlockall(MCL_FUTURE)) == 0);
    for (size_t n = MIB(5); n >= MIB(2); n -= MIB(1)) {
        char *p = malloc(n);
        CHECK(p);
        p[0] = 1;
        free(p);
    }
}

int main(void) {
    for (int i = 0; i < 4; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            (i % 2 ? in_future : now)(i / 2);
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
