// A child of a program with threads frees and reallocs its parent's large blocks and allocates new ones, while the
// parent's stay as they were.
#include "test.h"

static volatile int stop;

static void *churn(void *arg) {
    while (!stop) free(malloc(MIB(1)));
    return arg;
}

int main(void) {
    pthread_t threads[2];
    char *blocks[16];
    for (int i = 0; i < 16; i++) fill(blocks[i] = malloc(KIB(200) * (i + 1)), KIB(200) * (i + 1), i);
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
    for (int round = 0; round < 6; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (int i = 0; i < 16; i++) {
                CHECK(holds(blocks[i], KIB(200) * (i + 1), i));
                if (i % 2) blocks[i] = realloc(blocks[i], MIB(4));
                CHECK(blocks[i] && holds(blocks[i], KIB(200) * (i + 1), i));
                free(blocks[i]);
                char *p = calloc(1, MIB(2));
                CHECK(p && is_zero(p, MIB(2)));
                free(p);
            }
            exit(0);
        }
        ends_well(pid);
    }
    stop = 1;
    for (int i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < 16; i++) {
        CHECK(holds(blocks[i], KIB(200) * (i + 1), i));
        free(blocks[i]);
    }
    return 0;
}
