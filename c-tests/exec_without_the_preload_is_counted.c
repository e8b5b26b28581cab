// Programs that are run with LD_PRELOAD taken out of their environment (clearenv, or an environment of one's own)
// run, and are counted as not reached.
// page: end = exit, not_reached >= 1
// some page: forked = 1, not_reached >= 1, end = exec
#include "test.h"

int main(void) {
    char *argv[] = {"true", NULL}, *env[] = {"PATH=/bin", NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execve("/bin/true", argv, env);
        _exit(1);
    }
    ends_well(pid);
    pid = vfork();
    if (pid == 0) {
        execve("/bin/true", argv, env);
        _exit(1);
    }
    ends_well(pid);
    return 0;
}
