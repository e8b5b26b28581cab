// The only thread of a process ends by exit(2) itself, not by exit_group(2): the process has its status, also where a thread of
// ours is still there, and does not last for much longer.
// policy: observe
// policy: file:drop-behind
// policy: anon@1M:populate=async
// policy: file@1M:drop-behind,anon@1M:populate=async
// pages: may be missing
#include "test.h"
#include <sys/syscall.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(void) {
    int fd = file_of("file", MIB(8), 1);
    CHECK(close(fd) == 0);
    for (int i = 0; i < 12; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            static char buffer[KIB(64)];
            fd = open("file", O_RDONLY | O_CLOEXEC);
            if (i % 2 == 0 && (fd < 0 || read(fd, buffer, sizeof buffer) <= 0)) _exit(1);
            if (i % 2 == 1 && mmap(NULL, MIB(8), PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED) _exit(1);
            map(MIB(64));
            usleep((useconds_t)(i % 3) * 100000);
            syscall(SYS_exit, 7);
        }
        double began = now();
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
        CHECK(now() - began < 10);
    }
    return 0;
}
