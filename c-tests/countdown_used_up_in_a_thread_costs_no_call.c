// Blocks that use up the countdown at once cost no system calls in a thread's arena that has been opened.
// policy: heap:huge
// policy: throughput
// policy: lean
#include "test.h"
#include "countdown_calls.h"

static void *thread(void *arg) {
    for (int i = 0; i < 5000; i++) CHECK(malloc(1000) != NULL);
    for (int i = 0; i < 500; i++) {
        volatile char *p = (volatile char *)malloc(70000);
        p[0] = 1;
        free((void *)p);
    }
    return arg;
}

static void work(void) {
    pthread_t t;
    CHECK(pthread_create(&t, NULL, thread, NULL) == 0 && pthread_join(t, NULL) == 0);
}

int main(void) {
    CHECK(calls_of(work) < 250);
    return 0;
}
