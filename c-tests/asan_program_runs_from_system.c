// A program built with AddressSanitizer runs from system() and posix_spawn(), where the C library itself starts the
// shell.
// build or skip: helper -fsanitize=address -DHELPER
#include "test.h"
#include <spawn.h>

extern char **environ;

int main(void) {
#ifndef HELPER
    CHECK(system(HERE "/helper") == 0);
    CHECK(system("exec " HERE "/helper") == 0);
    char *argv[] = {"helper", NULL};
    pid_t pid;
    CHECK(posix_spawn(&pid, HERE "/helper", NULL, NULL, argv, environ) == 0);
    ends_well(pid);
#endif
    return 0;
}
