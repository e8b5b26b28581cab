// A statically linked program runs as ever, and is counted as one that the preload doesn't reach.
// build or skip: helper -static -DHELPER
// some page: not_reached >= 1, end = exec
#include "test.h"

int main(void) {
#ifndef HELPER
    pid_t pid = fork();
    if (pid == 0) {
        execl(HERE "/helper", "helper", (char *)NULL);
        _exit(1);
    }
    ends_well(pid);
#endif
    return 0;
}
