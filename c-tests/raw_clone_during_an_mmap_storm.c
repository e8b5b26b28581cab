// A child made by the bare clone syscall while other threads are inside the hooks finds their bookkeeping locked by
// nobody, and maps on.
#include "test.h"
#include <sys/syscall.h>

static volatile int stop;

static void *storm(void *arg) {
    while (!stop) munmap(map(KIB(512)), KIB(512));
    return arg;
}

int main(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, storm, NULL) == 0);
    for (int i = 0; i < 25; i++) {
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if (pid == 0) {
            for (int j = 0; j < 20; j++) {
                char *p = map(MIB(1));
                CHECK(is_zero(p, MIB(1)) && mprotect(p, PAGE, PROT_NONE) == 0 && munmap(p, MIB(1)) == 0);
            }
            _exit(0);
        }
        ends_well(pid);
    }
    stop = 1;
    for (int i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
