// A rule file:lock=hot locks nothing of a file that is read once, though what has been passed is pushed out: it does not come back.
// policy: file@4M:lock=hot
// page: rule1.failed = 0, lock_now = 0
// serial: reads from disk all the time
#include "test.h"
#include "crew.h"
#include "disk_reads.h"
#include "smaps.h"
#include "pushed_out.h"

#define STEP MIB(1)

int main(void) {
    int fd = file_of("file", SIZE, 1);
    CHECK(fsync(fd) == 0);
    char *file = (char *)mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(file != MAP_FAILED && unheard_madvise(file, SIZE, MADV_RANDOM) == 0);
    push_out(file, fd);
    size_t most = 0;
    for (size_t at = 0; at < SIZE; at += STEP) {
        for (size_t page = 0; page < STEP; page += PAGE) (void)*(volatile char *)(file + at + page);
        CHECK(unheard_madvise(file + at, STEP, MADV_DONTNEED) == 0 || locked_kb() != 0);
        CHECK(posix_fadvise(fd, at, STEP, POSIX_FADV_DONTNEED) == 0);
        usleep(40000);
        most = most < locked_kb() ? locked_kb() : most;
    }
    CHECK(most == 0);
    CHECK(holds(file, SIZE, 1) && munmap(file, SIZE) == 0);
    return 0;
}
