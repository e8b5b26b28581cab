// Memory for which the program called MADV_NOHUGEPAGE stays on small pages, whatever comes later.
#include "test.h"
#include "smaps.h"

int main(void) {
    if (!thp_possible()) SKIP("transparent huge pages are off");
    char *p = map(MIB(16));
    CHECK(madvise(p, MIB(16), MADV_NOHUGEPAGE) == 0);
    CHECK(mprotect(p, MIB(16), PROT_READ) == 0 && mprotect(p, MIB(16), PROT_READ | PROT_WRITE) == 0);
    CHECK(smaps_flagged(p, MIB(16), "nh") == MIB(16) && smaps_flagged(p, MIB(16), "hg") == 0);
    char *q = mmap(NULL, MIB(16), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(q != MAP_FAILED && madvise(q, MIB(16), MADV_NOHUGEPAGE) == 0);
    CHECK(mprotect(q, MIB(8), PROT_READ | PROT_WRITE) == 0);
    memset(q, 1, MIB(8));
    CHECK(smaps_flagged(q, MIB(8), "nh") == MIB(8) && smaps_kb(q, MIB(8), "AnonHugePages") == 0);
    q = mremap(q, MIB(8), MIB(24), MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && smaps_flagged(q, MIB(24), "nh") == MIB(24));
    return 0;
}
