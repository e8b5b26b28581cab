// Blocks that use up the countdown at once, taken and freed in a heap too small for any rule, cost no system calls.
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
    work();
    CHECK(calls_of(work) < 50);
    return 0;
}
