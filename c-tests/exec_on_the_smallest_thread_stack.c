// Exec works on the smallest stack that the C library allows a thread.
// cflags: -Wl,-z,now
#include "test.h"
#include <limits.h>

extern char **environ;

static void *run(void *how) {
    char *argv[] = {"true", NULL};
    pid_t pid = fork();
    if (pid == 0) {
        switch (*(int *)how) {
        case 0: execl("/bin/true", "true", (char *)NULL); break;
        case 1: execve("/bin/true", argv, environ); break;
        case 2: execv("/bin/true", argv); break;
        }
        _exit(1);
    }
    ends_well(pid);
    return NULL;
}

int main(void) {
    pthread_attr_t attr;
    pthread_t thread;
    CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN) == 0);
    for (int how = 0; how < 3; how++) {
        CHECK(pthread_create(&thread, &attr, run, &how) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    return 0;
}
