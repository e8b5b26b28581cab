// An environment that cannot be read (no array, a bad string in it, an array without an end) is EFAULT from every sort
// of exec and spawn, as the kernel says it.
// page: end = exit
#include "test.h"
#include <spawn.h>

static void is_efault(char **env) {
    char *argv[] = {"true", NULL};
    pid_t pid;
    CHECK(execve("/bin/true", argv, env) == -1 && errno == EFAULT);
    CHECK(execvpe("/bin/true", argv, env) == -1 && errno == EFAULT);
    CHECK(execle("/bin/true", "true", (char *)NULL, env) == -1 && errno == EFAULT);
    CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, env) == EFAULT);
    CHECK(posix_spawnp(&pid, "/bin/true", NULL, NULL, argv, env) == EFAULT);
}

int main(void) {
    char *bad_string[] = {"A=1", (char *)8, NULL};
    is_efault((char **)8);
    is_efault(bad_string);
    char *p = map(2 * PAGE);
    CHECK(mprotect(p + PAGE, PAGE, PROT_NONE) == 0);
    char **without_end = (char **)(p + PAGE) - 2;
    without_end[0] = "A=1", without_end[1] = "B=2";
    is_efault(without_end);
    return 0;
}
