// The program finds the same open descriptors, signal mask, handlers and threads as without the shim.
#include "test.h"
#include <dirent.h>

int main(void) {
    char *p = map(MIB(8)), *q = malloc(MIB(8));
    p[0] = q[0] = 1;
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL);
    for (struct dirent *e; (e = readdir(folder));) printf("fd %s\n", e->d_name);
    closedir(folder);
    folder = opendir("/proc/self/task");
    int tasks = 0;
    while (readdir(folder)) tasks++;
    printf("tasks %d\n", tasks - 2);
    sigset_t mask;
    CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0);
    for (int s = 1; s < 65; s++) {
        struct sigaction action;
        if (s == 32 || s == 33 || sigaction(s, NULL, &action) != 0) continue;
        printf("signal %d blocked %d handled %d\n", s, sigismember(&mask, s), action.sa_handler != SIG_DFL);
    }
    return 0;
}
