// Blocks of 512 KiB go back to the kernel when they are freed although small blocks were allocated between them and stay:
// no more than retain-max is kept.
// env: FAULTLESS_RETAIN_MAX=32M
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    static char *large[400];
    size_t before = all_of("Rss");
    for (int i = 0; i < 400; i++) {
        large[i] = (char *)malloc(KIB(512));
        CHECK(large[i] != NULL && malloc(100) != NULL);
        memset(large[i], 1, KIB(512));
    }
    for (int i = 0; i < 400; i++) free(large[i]);
    CHECK(all_of("Rss") < before + MIB(40));
    return 0;
}
