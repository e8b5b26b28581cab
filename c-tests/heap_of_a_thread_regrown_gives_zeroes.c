// calloc gives zeroes from a thread's arena that was dirty, was given back, and has grown again.
// env: FAULTLESS_RETAIN_MAX=64M
// policy: heap:huge
// policy: throughput
// policy: latency
// policy: heap:lock
// serial: memory
#include "test.h"
#include "heap_blocks.h"

static void *work(void *arg) {
    char *p[64];
    for (int round = 0; round < 4; round++) {
        struct blocks b = blocks_of(MIB(48) + (size_t)round * MIB(20), 1000);
        blocks_gone(b);
        if (round % 2) malloc_trim(0);
        for (int i = 0; i < 64; i++) {
            size_t n = i % 4 == 0 ? KIB(900) : i % 4 == 1 ? KIB(100) : 700 + (size_t)i * 16;
            p[i] = (char *)calloc(1, n);
            CHECK(p[i] && is_zero(p[i], n));
            memset(p[i], 0xff, n);
        }
        for (int i = 0; i < 64; i++) free(p[i]);
    }
    return arg;
}

int main(void) {
    in_threads(2, work, NULL);
    return 0;
}
