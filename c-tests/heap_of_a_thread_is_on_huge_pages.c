// A thread's arena is on huge pages under a heap rule, over more than one of its heaps.
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

static void *work(void *arg) {
    long before = faults();
    struct blocks b = blocks_of(MIB(150), 1000);
    if (under_shim()) {
        CHECK(faults() - before < 2500);
        CHECK(all_of("AnonHugePages") >= MIB(144));
    }
    blocks_gone(b);
    return arg;
}

int main(void) {
    if (!thp_on()) SKIP("transparent huge pages are off");
    in_threads(1, work, NULL);
    return 0;
}
