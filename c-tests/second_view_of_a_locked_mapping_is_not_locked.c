// mremap with an old length of 0 makes a second view of a shared mapping that a rule has locked: it may be given up as alone.
// policy: any:lock
#include "test.h"

int main(void) {
    char *first = mmap(NULL, MIB(1), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(first != MAP_FAILED);
    fill(first, MIB(1), 1);
    char *second = mremap(first, 0, MIB(1), MREMAP_MAYMOVE);
    CHECK(second != MAP_FAILED && second != first);
    CHECK(madvise(second, MIB(1), MADV_COLD) == 0 && madvise(second, MIB(1), MADV_DONTNEED) == 0);
    CHECK(holds(second, MIB(1), 1) && holds(first, MIB(1), 1));
    return 0;
}
