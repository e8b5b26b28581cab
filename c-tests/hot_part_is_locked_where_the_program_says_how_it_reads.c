// A rule file:lock=hot goes on where the program itself gives advice (as LMDB and bbolt do), which is how it reads, and not what
// stays.
// policy: file@4M:lock=hot
// policy: file@4M:auto+lock=hot
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
    CHECK(file != MAP_FAILED && madvise(file, SIZE, MADV_RANDOM) == 0);
    CHECK(smaps_flagged(file, SIZE, "rr") == SIZE);
    read_until_locked(file, fd);
    if (under_shim()) CHECK(locked_kb() > 0);
    CHECK(smaps_flagged(file, SIZE, "rr") == SIZE);
    CHECK(holds(file, SIZE, 1) && munmap(file, SIZE) == 0);
    return 0;
}
