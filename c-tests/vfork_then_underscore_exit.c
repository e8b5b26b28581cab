// A vfork child leaves by _exit, in the parent's own memory: the parent's counter page doesn't end with it.
// page: end = exit, exit_status = 0
#include "test.h"

int main(void) {
    for (int i = 0; i < 5; i++) {
        pid_t pid = vfork();
        if (pid == 0) _exit(9);
        int status;
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 9);
        char *p = map(MIB(4));
        fill(p, MIB(4), i);
        CHECK(holds(p, MIB(4), i) && munmap(p, MIB(4)) == 0);
    }
    return 0;
}
