// A reservation (PROT_NONE) that the program commits by mprotect, or by MAP_FIXED over it, gets huge pages then.
// policy: throughput
// page: regions_ruled >= 2, huge_asked_bytes >= 33554432
#include "test.h"
#include "smaps.h"

int main(void) {
    if (!thp_possible()) SKIP("transparent huge pages are off");
    char *p = mmap(NULL, MIB(64), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED);
    p = (char *)(((uintptr_t)p + MIB(2) - 1) & -MIB(2));
    CHECK(mprotect(p, MIB(16), PROT_READ | PROT_WRITE) == 0);
    char *q = mmap(p + MIB(32), MIB(16), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(q == p + MIB(32));
    CHECK(smaps_flagged(p + MIB(48), MIB(8), "hg") == 0);
    if (under_shim()) {
        CHECK(smaps_flagged(p, MIB(16), "hg") == MIB(16) && smaps_flagged(q, MIB(16), "hg") == MIB(16));
        p[0] = q[0] = 1;
        CHECK(smaps_kb(p, MIB(16), "AnonHugePages") >= 2048 && smaps_kb(q, MIB(16), "AnonHugePages") >= 2048);
    }
    return 0;
}
