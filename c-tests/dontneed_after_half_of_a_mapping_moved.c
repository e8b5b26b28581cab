// When the first half of a mapping that a rule has locked is moved away by mremap, both halves keep what they hold,
// and both take MADV_DONTNEED and give zeroes.
// page [everything]: locked_bytes > 0
#include "test.h"

int main(void) {
    char *p = map(MIB(8));
    fill(p, MIB(4), 1), fill(p + MIB(4), MIB(4), 2);
    char *q = mremap(p, MIB(4), MIB(6), MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q != p);
    CHECK(holds(q, MIB(4), 1) && is_zero(q + MIB(4), MIB(2)) && holds(p + MIB(4), MIB(4), 2));
    CHECK(madvise(q, MIB(4), MADV_DONTNEED) == 0 && is_zero(q, MIB(6)));
    CHECK(madvise(p + MIB(4), MIB(4), MADV_DONTNEED) == 0 && is_zero(p + MIB(4), MIB(4)));
    return 0;
}
