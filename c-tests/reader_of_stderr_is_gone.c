// A program whose stderr is a pipe that nobody reads any more ends as it says, and not by SIGPIPE for a report of ours.
// env: FAULTLESS_REPORT=all
// stderr: faultless
#include "test.h"

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        map(MIB(4))[0] = 1;
        return 7;
    }
    int out[2], status;
    CHECK(pipe2(out, O_CLOEXEC) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        close(out[0]), dup2(out[1], 2);
        execl("/proc/self/exe", "child", "", (char *)NULL);
        _exit(1);
    }
    close(out[0]), close(out[1]);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    return 0;
}
