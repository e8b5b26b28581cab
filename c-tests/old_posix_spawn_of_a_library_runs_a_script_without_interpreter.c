// A library that was linked before glibc 2.15 gets the posix_spawn of that time, which runs what is no program through the shell;
// the program beside it gets the one of today, which refuses.
// build: old.so -shared -fPIC -DLIBRARY
// cflags: -ldl
#include "test.h"
#include <dlfcn.h>
#include <spawn.h>
#include <sys/stat.h>

extern char **environ;
static char *argv[] = {"script", NULL};

#ifdef LIBRARY
extern int old_spawn(pid_t *, const char *, void *, void *, char *const[], char *const[]);
extern int old_spawnp(pid_t *, const char *, void *, void *, char *const[], char *const[]);
__asm__(".symver old_spawn,posix_spawn@GLIBC_2.2.5");
__asm__(".symver old_spawnp,posix_spawnp@GLIBC_2.2.5");

int spawns(pid_t *pid, int by_name) {
    int result = (by_name ? old_spawnp : old_spawn)(pid, "./script", NULL, NULL, argv, environ);
    if (result != 0) *pid = -1; // so that it is no tail call: who calls is seen by where it returns to
    return result;
}
#else
int main(void) {
    int fd = open("script", O_CREAT | O_WRONLY | O_TRUNC, 0755);
    CHECK(fd >= 0 && write(fd, "exit 7\n", 7) == 7 && fchmod(fd, 0755) == 0 && close(fd) == 0);
    void *library = dlopen(HERE "/old.so", RTLD_NOW);
    CHECK(library != NULL);
    int (*spawns)(pid_t *, int) = (int (*)(pid_t *, int))dlsym(library, "spawns");
    pid_t pid;
    for (int by_name = 0; by_name < 2; by_name++) {
        int status;
        CHECK(spawns(&pid, by_name) == 0);
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
    CHECK(posix_spawn(&pid, "./script", NULL, NULL, argv, environ) == ENOEXEC);
    return 0;
}
#endif
