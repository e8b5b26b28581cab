// A file whose disk no longer answers: what was read before still reads, the rest gives SIGBUS to who touches it, as ever, and
// a thread of ours that looks at it raises none.
// policy: file@1M:drop-behind
// policy: file@1M:auto+lock=hot
// policy: file@1M:lock
// policy: file@1M:populate=async+lock
// limit: memlock=64K
// serial: a loop device
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "sigbus.h"
#include "watched.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

int main(void) {
    expect_sigbus();
    int disk = open("disk", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(disk >= 0 && ftruncate(disk, MIB(96)) == 0 && mkdir("mounted", 0700) == 0);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) SKIP("only root can mount");
    if (system("mkfs.ext4 -q -b 4096 disk 2>/dev/null && mount -o loop disk mounted 2>/dev/null") != 0)
        SKIP("no file system can be made on a loop device here");
    int fd = file_of("mounted/file", MIB(64), 1);
    evict(fd);
    char *p = mmap(NULL, MIB(64), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && holds(p, MIB(1), 1) && mlock(p, KIB(32)) == 0);
    CHECK(fsync(fd) == 0 && ftruncate(disk, MIB(1)) == 0);
    posix_fadvise(disk, 0, 0, POSIX_FADV_DONTNEED);
    int broken = 0;
    for (int round = 0; round < 20; round++) {
        CHECK(madvise(p + MIB(1), MIB(63), MADV_DONTNEED) == 0);
        posix_fadvise(fd, MIB(1), 0, POSIX_FADV_DONTNEED);
        for (size_t at = MIB(16); at < MIB(64); at += MIB(1)) broken += faults(p + at);
        CHECK(holds(p, KIB(32), 1));
        usleep(20000);
    }
    if (!under_shim() && broken == 0) SKIP("the disk reads on");
    CHECK(munmap(p, MIB(64)) == 0);
    return 0;
}
