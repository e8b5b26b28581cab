// Threads that use less than 512 KiB of their arenas get no huge page.
// policy: heap:huge
// policy: throughput
#include "test.h"
#include "heap_blocks.h"

static void *work(void *arg) {
    struct blocks b = blocks_of(KIB(300), 1000);
    if (under_shim()) CHECK(all_of("AnonHugePages") == 0);
    blocks_gone(b);
    return arg;
}

int main(void) {
    in_threads(3, work, NULL);
    return 0;
}
