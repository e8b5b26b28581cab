// Under mlockall(MCL_FUTURE), where all that is mapped becomes resident, no heap is padded and no arena opened.
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

static void *work(void *arg) {
    return blocks_of(MIB(1), 1000).at ? arg : NULL;
}

int main(void) {
    if (mlockall(MCL_FUTURE) != 0) SKIP("mlockall is not allowed here");
    size_t before = all_of("Rss");
    blocks_of(MIB(4), 1000);
    in_threads(4, work, NULL);
    CHECK(all_of("Rss") < before + MIB(8) + MIB(6));
    return 0;
}
