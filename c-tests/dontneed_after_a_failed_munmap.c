// After a munmap that failed, the memory that a rule had locked still takes MADV_DONTNEED, and gives zeroes.
// page [everything]: locked_bytes > 0
#include "test.h"

int main(void) {
    char *p = map(MIB(4));
    fill(p, MIB(4), 1);
    CHECK(munmap(p, (size_t)1 << 47) == -1 && errno == EINVAL);
    CHECK(holds(p, MIB(4), 1));
    CHECK(madvise(p, MIB(4), MADV_DONTNEED) == 0 && is_zero(p, MIB(4)));
    return 0;
}
