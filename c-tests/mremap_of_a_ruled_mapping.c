// mremap grows, shrinks and moves mappings that rules have acted on, in place, with MREMAP_MAYMOVE, MREMAP_FIXED and
// MREMAP_DONTUNMAP; odd sizes are no hindrance, though a rule may have acted on a part only.
#include "test.h"

int main(void) {
    for (int odd = 0; odd < 3; odd++) {
        size_t n = MIB(6) + odd * 7 * PAGE;
        for (int round = 0; round < 5; round++) {
            char *p = map(n);
            fill(p, n, round);
            p = mremap(p, n, n * 3, MREMAP_MAYMOVE);
            CHECK(p != MAP_FAILED && holds(p, n, round) && is_zero(p + n, n * 2));
            p = mremap(p, n * 3, n / PAGE / 2 * PAGE, 0);
            CHECK(p != MAP_FAILED && holds(p, n / 2 & -PAGE, round));
            size_t half = n / 2 & -PAGE;
            char *place = map(MIB(16));
            CHECK(mremap(p, half, half, MREMAP_MAYMOVE | MREMAP_FIXED, place + PAGE) == place + PAGE);
            CHECK(holds(place + PAGE, half, round) && place[0] == 0);
            char *other = mremap(place + PAGE, half, half, MREMAP_MAYMOVE | 4 /* MREMAP_DONTUNMAP */, NULL);
            CHECK(other != MAP_FAILED && holds(other, half, round) && is_zero(place + PAGE, half));
            CHECK(munmap(place, MIB(16)) == 0 && munmap(other, half) == 0);
        }
    }
    return 0;
}
