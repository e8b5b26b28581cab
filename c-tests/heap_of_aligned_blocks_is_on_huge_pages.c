// Blocks with an alignment come from the same heap: a program that asks for nothing else has it on huge pages too.
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    if (!thp_on()) SKIP("transparent huge pages are off");
    for (size_t i = 0; i < MIB(64) / 1024; i++) {
        void *p = NULL;
        CHECK(posix_memalign(&p, 64, 1000) == 0);
        memset(p, 1, 1000);
    }
    if (under_shim()) CHECK(all_of("AnonHugePages") >= MIB(56));
    return 0;
}
