// A daemon that an exit handler forks, and that closes 0, 1 and 2, holds no other copy of the pipe on stderr. It lives
// until the reader has seen the pipe's end, so that a kept copy shows as a hang.
// env: FAULTLESS_REPORT=all
// stderr: faultless
#include "test.h"

static int release_fd;

static void start_daemon(void) {
    char byte;
    if (fork() != 0) return;
    close(0), close(1), close(2);
    while (read(release_fd, &byte, 1) > 0) {}
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        release_fd = atoi(argv[1]);
        map(MIB(4))[0] = 1;
        atexit(start_daemon);
        return 0;
    }
    int out[2], release[2];
    CHECK(pipe2(out, O_CLOEXEC) == 0 && pipe(release) == 0 && fcntl(release[1], F_SETFD, FD_CLOEXEC) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", release[0]);
        dup2(out[1], 2);
        execl("/proc/self/exe", "child", number, (char *)NULL);
        _exit(1);
    }
    close(out[1]);
    alarm(20);
    char bytes[4096];
    while (read(out[0], bytes, sizeof bytes) > 0) {}
    close(release[1]);
    ends_well(pid);
    return 0;
}
