// A file shrinks and grows while its mapping is populated, locked, looked up, and dropped behind: a signal comes to who
// touches beyond the end and to nobody else, and what is within the end is as it was written.
// policy: file@1M:drop-behind
// policy: file@1M:auto+lock=hot
// policy: file@1M:lock,file@1M:drop-behind
// policy: file@1M:populate=async,file@1M:auto
// policy: file@1M:populate+lock
// limit: memlock=64K
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "sigbus.h"
#include "watched.h"

int main(void) {
    expect_sigbus();
    int fd = file_of("file", MIB(32), 1);
    for (int round = 0; round < 6; round++) {
        CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
        for (size_t at = 0; at < MIB(32); at += PAGE) CHECK(write(fd, pattern_of_(at / PAGE, 1), PAGE) == (ssize_t)PAGE);
        evict(fd);
        char *p = mmap(NULL, MIB(32), PROT_READ, round % 2 ? MAP_SHARED : MAP_PRIVATE, fd, 0);
        CHECK(p != MAP_FAILED);
        for (size_t end = MIB(32); end > KIB(512); end = end / 2 & ~(PAGE - 1)) {
            CHECK(holds(p, end, 1));
            CHECK(ftruncate(fd, (off_t)(end / 2)) == 0);
            CHECK(faults(p + end / 2) && faults(p + MIB(32) - 1) && !faults(p));
            usleep(3000);
        }
        CHECK(ftruncate(fd, MIB(32)) == 0 && holds(p, KIB(512), 1) && is_zero(p + MIB(1), MIB(31)));
        usleep(10000);
        CHECK(munmap(p, MIB(32)) == 0);
    }
    return 0;
}
