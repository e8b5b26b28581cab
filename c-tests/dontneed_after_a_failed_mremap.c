// After a mremap that failed, its source and its target, which a rule had locked, both still take MADV_DONTNEED, and
// give zeroes.
// page [everything]: locked_bytes > 0
#include "test.h"

int main(void) {
    char *p = map(MIB(4)), *q = map(MIB(4));
    fill(p, MIB(4), 1), fill(q, MIB(4), 2);
    // without MREMAP_MAYMOVE
    CHECK(mremap(p, MIB(4), MIB(4), MREMAP_FIXED, q) == MAP_FAILED && errno == EINVAL);
    CHECK(holds(p, MIB(4), 1) && holds(q, MIB(4), 2));
    CHECK(madvise(p, MIB(4), MADV_DONTNEED) == 0 && is_zero(p, MIB(4)));
    CHECK(madvise(q, MIB(4), MADV_DONTNEED) == 0 && is_zero(q, MIB(4)));
    return 0;
}
