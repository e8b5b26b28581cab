// A program that was linked before glibc 2.15 gets the posix_spawn of that time, which runs what is no program through
// the shell.
#include "test.h"
#include <sys/stat.h>

extern int old_spawn(pid_t *, const char *, void *, void *, char *const[], char *const[]);
__asm__(".symver old_spawn,posix_spawn@GLIBC_2.2.5");
extern char **environ;

int main(void) {
    int fd = open("script", O_CREAT | O_WRONLY | O_TRUNC, 0755);
    CHECK(fd >= 0 && write(fd, "exit 7\n", 7) == 7 && fchmod(fd, 0755) == 0 && close(fd) == 0);
    char *argv[] = {"script", NULL};
    pid_t pid;
    int status;
    CHECK(old_spawn(&pid, "./script", NULL, NULL, argv, environ) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    return 0;
}
