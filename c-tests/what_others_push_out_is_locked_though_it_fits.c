// A rule file:lock=hot locks what is used of a file that fits in memory, once others push it out again and again: before all of it
// has been read twice, which takes long where a disk is slow.
// policy: file@4M:lock=hot
// page: rule1.failed = 0, lock_now = 0
// serial: reads from disk all the time
#include "test.h"
#include "crew.h"
#include "disk_reads.h"
#include "smaps.h"
#include "pushed_out.h"

int main(void) {
    int fd = file_of("file", SIZE, 1);
    CHECK(fsync(fd) == 0);
    char *file = (char *)mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(file != MAP_FAILED && unheard_madvise(file, SIZE, MADV_RANDOM) == 0);
    read_until_locked(file, fd);
    if (under_shim()) CHECK(locked_kb() > 0);
    CHECK(holds(file, SIZE, 1) && munmap(file, SIZE) == 0);
    return 0;
}
