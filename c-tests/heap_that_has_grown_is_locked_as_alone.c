// mlockall(MCL_CURRENT) makes resident what the program uses, not what its heaps were opened ahead for.
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    blocks_of(MIB(4), 1000);
    size_t before = all_of("Rss");
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) SKIP("mlockall is not allowed here");
    CHECK(all_of("Rss") < before + MIB(16));
    return 0;
}
