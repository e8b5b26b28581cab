// Threads map and unmap without pause while the main thread forks; each child maps and allocates and exits well.
#include "test.h"

static volatile int stop;

static void *storm(void *arg) {
    while (!stop) {
        char *p = map(KIB(256));
        p[0] = 1;
        munmap(p, KIB(256));
        free(malloc(KIB(512)));
    }
    return arg;
}

int main(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, storm, NULL) == 0);
    for (int i = 0; i < 15; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (int j = 0; j < 20; j++) {
                char *p = map(MIB(1)), *q = malloc(MIB(1));
                CHECK(q != NULL && is_zero(p, MIB(1)));
                fill(q, MIB(1), j);
                CHECK(holds(q, MIB(1), j));
                free(q);
                CHECK(munmap(p, MIB(1)) == 0);
            }
            exit(0);
        }
        ends_well(pid);
    }
    stop = 1;
    for (int i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
