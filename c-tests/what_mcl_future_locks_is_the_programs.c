// After mlockall(MCL_FUTURE) what is mapped is locked by the program: rules don't lock it, nothing of it is let go, and advice
// that the kernel refuses on locked memory stays refused.
// policy: any:lock
// policy: anon:lock=onfault
// policy: file:random+lock=hot,anon:lock=hot
// page [any:lock]: rule1.skipped > 0
// page [anon:lock=onfault]: locked_bytes = 0
// page [file:random+lock=hot,anon:lock=hot]: locked_bytes = 0
// serial: locks all that is mapped
#include "test.h"
#include "smaps.h"

int main(void) {
    int fd = file_of("file", MIB(8), 1);
    if (mlockall(MCL_FUTURE) != 0) SKIP("mlockall is not allowed here");
    char *p = map(MIB(8));
    fill(p, MIB(8), 1);
    CHECK(madvise(p, MIB(8), MADV_DONTNEED) == -1 && errno == EINVAL);
    CHECK(madvise(p + MIB(1), MIB(1), MADV_FREE) == -1 && errno == EINVAL);
    CHECK(holds(p, MIB(8), 1) && smaps_flagged(p, MIB(8), "lo") == MIB(8));
    char *f = mmap(NULL, MIB(8), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(f != MAP_FAILED && holds(f, MIB(8), 1));
    usleep(300000); // a thread of ours would have had its turn
    CHECK(smaps_flagged(f, MIB(8), "lo") == MIB(8));
    // What is mapped after munlockall is ours again to lock.
    CHECK(munlockall() == 0 && smaps_flagged(f, MIB(8), "lo") == 0);
    CHECK(munmap(p, MIB(8)) == 0 && munmap(f, MIB(8)) == 0);
    return 0;
}
