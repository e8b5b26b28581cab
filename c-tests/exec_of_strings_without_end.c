// exec and posix_spawn of a path, or with a string of the environment, that runs into a page where nothing is fail as without us.
#include "test.h"
#include <spawn.h>

extern char **environ;

int main(void) {
    char *page = mmap(NULL, KIB(8), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED && munmap(page + KIB(4), KIB(4)) == 0);
    memset(page, '/', KIB(4));
    memcpy(page + KIB(4) - 11, "LD_PRELOAD=", 11);
    char *argv[] = {(char *)"true", NULL}, *at[] = {page, page + KIB(4) - 11, page + KIB(4) - 8, page + KIB(4) - 1};
    for (int i = 0; i < 4; i++) {
        char *env[] = {(char *)"A=1", at[i], NULL};
        pid_t pid;
        errno = 0;
        int result = execve("/bin/true", argv, env);
        printf("%d: execve %d, errno %d\n", i, result, errno);
        printf("%d: posix_spawn %d\n", i, posix_spawn(&pid, "/bin/true", NULL, NULL, argv, env));
    }
    errno = 0;
    int result = execve(page, argv, environ);
    printf("path: execve %d, errno %d\n", result, errno);
    return 0;
}
