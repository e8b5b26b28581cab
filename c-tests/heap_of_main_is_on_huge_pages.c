// The main heap is on huge pages under a heap rule: 64 MiB in small blocks cost some hundred faults instead of 16,384.
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    if (!thp_on()) SKIP("transparent huge pages are off");
    long before = faults();
    struct blocks b = blocks_of(MIB(64), 1000);
    if (under_shim()) {
        CHECK(faults() - before < 1500);
        CHECK(all_of("AnonHugePages") >= MIB(60));
    }
    blocks_gone(b);
    return 0;
}
