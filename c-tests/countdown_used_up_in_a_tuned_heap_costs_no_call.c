// Blocks that use up the countdown at once cost no system calls either where the environment has tuned malloc.
// env: MALLOC_TOP_PAD_=131072
// policy: heap:huge
// policy: throughput
// policy: lean
#include "test.h"
#include "countdown_calls.h"

static void work(void) {
    for (int i = 0; i < 500; i++) {
        volatile char *p = (volatile char *)malloc(70000);
        p[0] = 1;
        free((void *)p);
    }
}

int main(void) {
    for (int i = 0; i < 4000; i++) CHECK(malloc(1000) != NULL);
    work();
    CHECK(calls_of(work) < 50);
    return 0;
}
