// Two hundred threads, each with 2200 KiB in an arena of its own: huge pages cost at most huge-growth-max more than what is
// touched.
// env: MALLOC_ARENA_MAX=256
// env: FAULTLESS_HUGE_GROWTH_MAX=16M
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

#define THREADS 200

static pthread_barrier_t all_there;

static void *work(void *arg) {
    struct blocks b = blocks_of(KIB(2200), 1000);
    pthread_barrier_wait(&all_there);
    pthread_barrier_wait(&all_there);
    blocks_gone(b);
    return arg;
}

static void *measure(void *before) {
    pthread_barrier_wait(&all_there);
    CHECK(all_of("Rss") < *(size_t *)before + THREADS * (KIB(2200) + KIB(200)) + MIB(16));
    pthread_barrier_wait(&all_there);
    return NULL;
}

int main(void) {
    size_t before = all_of("Rss");
    pthread_t one;
    CHECK(pthread_barrier_init(&all_there, NULL, THREADS + 1) == 0);
    CHECK(pthread_create(&one, NULL, measure, &before) == 0);
    in_threads(THREADS, work, NULL);
    CHECK(pthread_join(one, NULL) == 0);
    return 0;
}
