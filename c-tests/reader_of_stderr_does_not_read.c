// A program whose stderr is a full pipe ends all the same: a report of ours that finds no room is dropped, not waited
// for. The reader holds its end open until the program is gone, so that waiting shows as a hang.
// env: FAULTLESS_REPORT=all
// stderr: faultless
#include "test.h"

static pid_t pid;

static void end_the_hang(int signal) {
    (void)signal;
    kill(pid, SIGKILL);
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        map(MIB(4))[0] = 1;
        return 7;
    }
    int out[2], status;
    CHECK(pipe2(out, O_CLOEXEC) == 0 && fcntl(out[1], F_SETFL, O_NONBLOCK) == 0);
    static char bytes[4096];
    while (write(out[1], bytes, sizeof bytes) > 0) {}
    while (write(out[1], bytes, 1) > 0) {}
    CHECK(errno == EAGAIN && fcntl(out[1], F_SETFL, 0) == 0);
    pid = fork();
    if (pid == 0) {
        dup2(out[1], 2);
        execl("/proc/self/exe", "child", "", (char *)NULL);
        _exit(1);
    }
    struct sigaction action = {.sa_handler = end_the_hang, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    alarm(20);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    return 0;
}
