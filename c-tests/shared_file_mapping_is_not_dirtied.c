// A shared writable mapping of a file is populated without a write to it: its pages stay clean and holes stay holes.
#include "test.h"
#include "smaps.h"
#include <sys/stat.h>

int main(void) {
    int fd = file_of("file", KIB(64), 1);
    CHECK(ftruncate(fd, MIB(16)) == 0 && fsync(fd) == 0);
    struct stat before, after;
    CHECK(fstat(fd, &before) == 0);
    char *p = mmap(NULL, MIB(16), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK(smaps_kb(p, MIB(16), "Private_Dirty") + smaps_kb(p, MIB(16), "Shared_Dirty") == 0);
    CHECK(fsync(fd) == 0 && fstat(fd, &after) == 0 && before.st_blocks == after.st_blocks);
    CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && holds(p, KIB(64), 1) && is_zero(p + KIB(64), MIB(15)));
    return 0;
}
