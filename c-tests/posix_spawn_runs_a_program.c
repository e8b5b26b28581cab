// posix_spawn and posix_spawnp run programs, and report the one that isn't there.
// page: end = exit
// some page: exe = true, end = exit
#include "test.h"
#include <spawn.h>

extern char **environ;

int main(void) {
    char *argv[] = {"true", NULL};
    pid_t pid;
    CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0);
    ends_well(pid);
    CHECK(posix_spawnp(&pid, "true", NULL, NULL, argv, environ) == 0);
    ends_well(pid);
    CHECK(posix_spawn(&pid, "/nonexistent/program", NULL, NULL, argv, environ) == ENOENT);
    return 0;
}
