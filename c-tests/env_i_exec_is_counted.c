// `env -i program` runs, and the page of env counts a program that isn't reached.
// some page: exe = env, not_reached >= 1
#include "test.h"

int main(void) {
    pid_t pid = fork();
    if (pid == 0) {
        execlp("env", "env", "-i", "/bin/true", (char *)NULL);
        _exit(1);
    }
    ends_well(pid);
    return 0;
}
