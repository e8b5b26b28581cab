// recycle keeps no more than retain-max of what was freed: 512 MiB of blocks leave at most 32 MiB behind.
// env: FAULTLESS_RETAIN_MAX=32M
// policy: malloc@1M:recycle
// policy: malloc@1M:huge+recycle
// page: recycled >= 1
#include "test.h"
#include "statm.h"

int main(void) {
    static char *blocks[64];
    size_t before = resident_now();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 64; i++) {
            blocks[i] = malloc(MIB(8) + (size_t)i * 100);
            CHECK(blocks[i]);
            fill(blocks[i], MIB(8), (unsigned)i);
        }
        for (int i = 0; i < 64; i++) {
            CHECK(holds(blocks[i], MIB(8), (unsigned)i));
            free(blocks[i]);
        }
    }
    if (under_shim()) CHECK(resident_now() < before + MIB(40));
    return 0;
}
