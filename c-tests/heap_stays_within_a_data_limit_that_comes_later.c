// A program that sets RLIMIT_DATA for itself once it has threads can map as much under it as without the shim.
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

static pthread_barrier_t all_there;

static void *work(void *arg) {
    blocks_of(MIB(2), 1000);
    pthread_barrier_wait(&all_there);
    pthread_barrier_wait(&all_there);
    return arg;
}

static void *late(void *arg) {
    struct rlimit limit = {MIB(200), MIB(200)};
    pthread_barrier_wait(&all_there);
    CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
    void *p = mmap(NULL, MIB(100), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    pthread_barrier_wait(&all_there);
    return arg;
}

int main(void) {
    pthread_t other;
    CHECK(pthread_barrier_init(&all_there, NULL, 5) == 0);
    CHECK(pthread_create(&other, NULL, late, NULL) == 0);
    in_threads(4, work, NULL);
    CHECK(pthread_join(other, NULL) == 0);
    return 0;
}
