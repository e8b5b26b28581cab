// MADV_DONTNEED on mappings that a rule has locked gives zeroes, again and again, and for any part; the rest stays.
// page [everything]: locked_bytes > 0
#include "test.h"

int main(void) {
    char *p = map(MIB(16));
    for (int round = 0; round < 5; round++) {
        fill(p, MIB(16), round);
        CHECK(madvise(p + MIB(1) + PAGE * round, MIB(2), MADV_DONTNEED) == 0);
        CHECK(is_zero(p + MIB(1) + PAGE * round, MIB(2)) && holds(p, MIB(1) + PAGE * round, round));
        CHECK(p[MIB(4)] == (char)((MIB(4) * 31 + (MIB(4) >> 12) * 7 + round)));
    }
    CHECK(madvise(p, MIB(16), MADV_DONTNEED) == 0 && is_zero(p, MIB(16)));
    char *locked_by_us = map(MIB(1));
    locked_by_us[0] = 1;
    return 0;
}
