// Advice that the program gives on a file mapping replaces a rule's, and stays.
#include "test.h"
#include "smaps.h"

int main(void) {
    int fd = file_of("file", MIB(4), 1);
    char *p = mmap(NULL, MIB(4), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && madvise(p, MIB(4), MADV_SEQUENTIAL) == 0);
    CHECK(smaps_flagged(p, MIB(4), "sr") == MIB(4) && smaps_flagged(p, MIB(4), "rr") == 0);
    CHECK(mprotect(p, MIB(4), PROT_NONE) == 0 && mprotect(p, MIB(4), PROT_READ) == 0);
    CHECK(smaps_flagged(p, MIB(4), "sr") == MIB(4) && smaps_flagged(p, MIB(4), "rr") == 0);
    CHECK(madvise(p, MIB(4), MADV_NORMAL) == 0);
    CHECK(smaps_flagged(p, MIB(4), "sr") == 0 && smaps_flagged(p, MIB(4), "rr") == 0);
    CHECK(posix_madvise(p, MIB(4), POSIX_MADV_RANDOM) == 0 && smaps_flagged(p, MIB(4), "rr") == MIB(4));
    return 0;
}
