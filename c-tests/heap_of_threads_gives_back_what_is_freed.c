// What sixteen threads freed goes back to the kernel beyond retain-max, all of them together.
// env: FAULTLESS_RETAIN_MAX=32M
// env: MALLOC_ARENA_MAX=32
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

static pthread_barrier_t all_there;

static void *work(void *arg) {
    struct blocks b = blocks_of(MIB(7), 1000);
    pthread_barrier_wait(&all_there);
    blocks_gone(b);
    pthread_barrier_wait(&all_there);
    return arg;
}

int main(void) {
    blocks_of(MIB(4), 1000); // main has a heap too
    size_t before = all_of("Rss");
    CHECK(pthread_barrier_init(&all_there, NULL, 16) == 0);
    in_threads(16, work, NULL);
    // the rest is what each arena keeps in any case, and the stacks
    CHECK(all_of("Rss") < before + MIB(32) + 16 * KIB(600));
    return 0;
}
