// The program locks what is merely reserved, and makes it writable later: the lock is the program's, and no call of ours for
// its sake takes it away.
// policy: anon@64K:lock
// policy: anon@64K:populate+lock=onfault
#include "test.h"
#include "smaps.h"

int main(void) {
    for (int how = 0; how < 2; how++) {
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | (how ? 0 : MAP_LOCKED);
        char *p = mmap(NULL, MIB(1), PROT_NONE, flags, -1, 0);
        CHECK(p != MAP_FAILED);
        if (how) CHECK(mlock2(p, MIB(1), 1) == 0);
        CHECK(mprotect(p, MIB(1), PROT_READ | PROT_WRITE) == 0);
        CHECK(msync(p, MIB(1), MS_INVALIDATE) == -1 && errno == EBUSY);
        CHECK(madvise(p, MIB(1), MADV_DONTNEED) == -1 && errno == EINVAL);
        fill(p, MIB(1), 1);
        CHECK(smaps_kb(p, MIB(1), "Locked") == 1024);
    }
    return 0;
}
