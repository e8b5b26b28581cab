// heap:nohuge keeps the heap off huge pages, and neither pads it nor keeps what is freed.
// policy: heap:nohuge
// policy: lean
#include "test.h"
#include "smaps.h"
#include "heap_blocks.h"

int main(void) {
    // What reading smaps takes of the heap lies below the blocks: above them it would keep the break up.
    smaps_flagged(NULL, 0, "nh");
    struct blocks b = blocks_of(MIB(16), 1000);
    char *low = b.at[0], *high = b.at[b.count - 1];
    size_t range = (size_t)(high - low) & ~(PAGE - 1);
    if (under_shim()) CHECK(smaps_flagged((void *)((size_t)low & ~(PAGE - 1)), range, "nh") >= MIB(8));
    CHECK(below_the_break(high) < MIB(1));
    blocks_gone(b);
    CHECK((char *)sbrk(0) - low < (ptrdiff_t)MIB(1));
    return 0;
}
