// A vfork child's exec fails and it leaves by _exit, as every shell does for a command that isn't there.
// page: end = exit
#include "test.h"

int main(void) {
    for (int i = 0; i < 5; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            execl("/nonexistent/program", "program", (char *)NULL);
            _exit(errno == ENOENT ? 0 : 1);
        }
        ends_well(pid);
    }
    return 0;
}
