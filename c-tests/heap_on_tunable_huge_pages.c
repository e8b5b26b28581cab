// glibc's own tunable for huge pages gives threads heaps of another size, on another boundary: the program runs as ever.
// env: GLIBC_TUNABLES=glibc.malloc.hugetlb=2
// policy: heap:huge
// policy: throughput
// policy: latency
#include "test.h"
#include "heap_blocks.h"

static void *work(void *arg) {
    struct blocks b = blocks_of(MIB(12), 1000);
    blocks_gone(b);
    return arg;
}

int main(void) {
    struct blocks b = blocks_of(MIB(4), 1000);
    in_threads(4, work, NULL);
    blocks_gone(b);
    return 0;
}
