// A program that is run by way of /proc/self/exe (busybox, Chrome) is known by its file's name, not as "exe".
// some page: exe = exec_through_proc_has_its_own_name, exit_status = 7
#include "test.h"

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) return 7;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "anything", "child", (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    return 0;
}
