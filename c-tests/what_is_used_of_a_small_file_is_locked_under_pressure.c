// Where the budget holds all of a mapping, lock=hot locks what is used of it at all once that has to be read from disk again;
// the program may give advice, fork, move and unmap it as ever, and nothing stays locked.
// policy: file@4M:lock=hot
// page: rule1.failed = 0, lock_now = 0
// serial: reads from disk all the time
#include "test.h"
#include "crew.h"
#include "disk_reads.h"
#include "smaps.h"

#define SIZE MIB(16)

static void touch(volatile unsigned char *p) {
    for (size_t at = MIB(4); at < MIB(6); at += PAGE) CHECK(p[at] == pattern_of_(at / 4096, 1)[0]);
}

int main(void) {
    int fd = file_of("file", SIZE, 1);
    char *p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    pthread_t disk = disk_reads_begin();
    touch((unsigned char *)p);
    if (under_shim()) {
        EVENTUALLY(smaps_flagged(p + MIB(4), MIB(2), "lo") == MIB(2));
        CHECK(smaps_flagged(p, SIZE, "lo") == MIB(2));
    }
    CHECK(madvise(p + MIB(3), MIB(2), MADV_DONTNEED) == 0);
    touch((unsigned char *)p);
    pid_t pid = fork();
    if (pid == 0) {
        touch((unsigned char *)p);
        CHECK(smaps_flagged(p, SIZE, "lo") == 0 && munmap(p, SIZE) == 0);
        _exit(0);
    }
    ends_well(pid);
    CHECK(munmap(p + MIB(5), MIB(1)) == 0);
    char *moved = mremap(p, MIB(5), MIB(8), MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED && holds(moved, MIB(8), 1) && holds(p + MIB(6), SIZE - MIB(6), 1 + 6 * 256 * 7));
    CHECK(munmap(moved, MIB(8)) == 0 && munmap(p + MIB(6), SIZE - MIB(6)) == 0);
    disk_reads_end = 1;
    CHECK(pthread_join(disk, NULL) == 0);
    return 0;
}
