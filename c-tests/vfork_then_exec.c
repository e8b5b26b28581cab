// A vfork child runs another program; the parent's counter page doesn't end with it.
// page: end = exit, exit_status = 0
// some page: exe = true, end = exit
#include "test.h"

int main(void) {
    for (int i = 0; i < 5; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            execl("/bin/true", "true", (char *)NULL);
            _exit(1);
        }
        ends_well(pid);
        free(malloc(MIB(2)));
    }
    return 0;
}
