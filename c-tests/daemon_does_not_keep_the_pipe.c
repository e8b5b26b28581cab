// `daemon | cat` ends at once: a daemon that has put /dev/null on 0, 1 and 2 holds no other copy of the pipe. The
// daemon lives until the reader has seen the pipe's end, so that a kept copy shows as a hang.
// env: FAULTLESS_REPORT=all
// stderr: .
#include "test.h"

static void be_the_daemon(int release) {
    char byte;
    if (daemon(0, 0) != 0) _exit(1);
    char *p = map(MIB(4));
    fill(p, MIB(4), 1);
    while (read(release, &byte, 1) > 0) {}
    exit(0);
}

int main(int argc, char **argv) {
    if (argc > 1) be_the_daemon(atoi(argv[1]));
    int out[2], release[2];
    CHECK(pipe2(out, O_CLOEXEC) == 0 && pipe(release) == 0);
    CHECK(fcntl(release[1], F_SETFD, FD_CLOEXEC) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", release[0]);
        dup2(out[1], 1), dup2(out[1], 2);
        execl("/proc/self/exe", "daemon", number, (char *)NULL);
        _exit(1);
    }
    close(out[1]);
    alarm(30);
    char bytes[4096];
    while (read(out[0], bytes, sizeof bytes) > 0) {}
    close(release[1]);
    ends_well(pid);
    return 0;
}
