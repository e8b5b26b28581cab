// What is freed goes back to the kernel beyond retain-max: of 160 MiB at most 32 MiB stay.
// env: FAULTLESS_RETAIN_MAX=32M
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    size_t before = all_of("Rss");
    for (int round = 0; round < 3; round++) {
        struct blocks b = blocks_of(MIB(160), 1000);
        CHECK(all_of("Rss") > before + MIB(150));
        blocks_gone(b);
        CHECK(all_of("Rss") < before + MIB(36));
    }
    return 0;
}
