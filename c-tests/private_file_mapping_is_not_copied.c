// A private writable mapping of a file costs no copy of it, whatever rules ask for, and the file stays as it was.
#include "test.h"
#include "smaps.h"

int main(void) {
    int fd = file_of("file", MIB(8), 1);
    CHECK(fsync(fd) == 0);
    char *p = mmap(NULL, MIB(8), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK(smaps_kb(p, MIB(8), "Anonymous") == 0 && smaps_kb(p, MIB(8), "Private_Dirty") == 0);
    p[0] = 99;
    CHECK(smaps_kb(p, MIB(8), "Anonymous") <= 64 && holds(p + 1, 1, 1 + 31));
    CHECK(mprotect(p, MIB(8), PROT_READ) == 0 && mprotect(p, MIB(8), PROT_READ | PROT_WRITE) == 0);
    CHECK(smaps_kb(p, MIB(8), "Anonymous") <= 64);
    char *q = mmap(NULL, MIB(8), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(q != MAP_FAILED && holds(q, MIB(8), 1));
    // one that becomes writable only later
    char *r = mmap(NULL, MIB(8), PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(r != MAP_FAILED && mprotect(r, MIB(8), PROT_READ | PROT_WRITE) == 0);
    CHECK(smaps_kb(r, MIB(8), "Anonymous") == 0 && holds(r, MIB(8), 1));
    return 0;
}
