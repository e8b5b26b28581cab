// The programs that a process starts don't say again what is wrong with a rule, also with a forked child in between.
// policy: anon@1M:hgue
// stderr: ^faultless[^\n]*\n$
// pages: may be missing
#include "test.h"

int main(void) {
    pid_t pid = fork();
    if (pid == 0) {
        pid_t inner = fork();
        if (inner == 0) {
            execl("/bin/true", "true", (char *)NULL);
            _exit(1);
        }
        ends_well(inner);
        _exit(0);
    }
    ends_well(pid);
    CHECK(system("/bin/true; exec /bin/true") == 0);
    return 0;
}
