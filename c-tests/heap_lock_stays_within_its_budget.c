// heap:lock locks the heap up to lock-max and no further.
// env: FAULTLESS_LOCK_MAX=8M
// policy: heap:lock
// policy: heap:huge+lock
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    struct blocks b = blocks_of(MIB(30), 1000);
    if (under_shim()) CHECK(all_of("Locked") >= MIB(1) && all_of("Locked") <= MIB(8));
    for (size_t i = 0; i < b.count; i++) CHECK(holds(b.at[i], b.each, (unsigned)i));
    return 0;
}
