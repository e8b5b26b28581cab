// After a mmap with MAP_FIXED that failed, the memory that it would have replaced, and that a rule had locked, still
// takes MADV_DONTNEED, and gives zeroes.
// page [everything]: locked_bytes > 0
#include "test.h"

int main(void) {
    char *p = map(MIB(4));
    fill(p, MIB(4), 1);
    CHECK(mmap(p, MIB(4), PROT_READ, MAP_PRIVATE | MAP_FIXED, -1, 0) == MAP_FAILED && errno == EBADF);
    CHECK(holds(p, MIB(4), 1));
    CHECK(madvise(p, MIB(4), MADV_DONTNEED) == 0 && is_zero(p, MIB(4)));
    return 0;
}
