// Eight threads at once, each with an arena of its own: all of them are on huge pages.
// policy: heap:huge
// policy: throughput
// serial: memory
// env: MALLOC_ARENA_MAX=16
#include "test.h"
#include "heap_blocks.h"

static pthread_barrier_t all_there;

static void *work(void *arg) {
    struct blocks b = blocks_of(MIB(24), 1000);
    pthread_barrier_wait(&all_there);
    if (under_shim()) CHECK(all_of("AnonHugePages") >= 8 * MIB(22));
    pthread_barrier_wait(&all_there);
    blocks_gone(b);
    return arg;
}

int main(void) {
    if (!thp_on()) SKIP("transparent huge pages are off");
    CHECK(pthread_barrier_init(&all_there, NULL, 8) == 0);
    long before = faults();
    in_threads(8, work, NULL);
    if (under_shim()) CHECK(faults() - before < 8 * 1500);
    return 0;
}
