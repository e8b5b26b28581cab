// A private mapping of a file that is watched becomes writable, in whole and in part, while it is read: what is written to it
// stays, and the file stays as it was.
// policy: file@1M:drop-behind
// policy: file@1M:auto,file@1M:lock=hot
// policy: file@1M:lock
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/syscall.h>

int main(void) {
    int fd = file_of("file", MIB(32), 1);
    for (int round = 0; round < 12; round++) {
        evict(fd);
        char *p = mmap(NULL, MIB(32), PROT_READ, MAP_PRIVATE, fd, 0);
        CHECK(p != MAP_FAILED && holds(p, MIB(32), 1));
        size_t from = round % 3 ? MIB(8) : 0, n = round % 3 ? MIB(16) : MIB(32);
        int protection = PROT_READ | PROT_WRITE;
        switch (round % 4) {
        case 0: CHECK(mprotect(p + from, n, protection) == 0); break;
        case 1: CHECK(syscall(SYS_mprotect, p + from, n, protection) == 0); break;
        case 2: CHECK(pkey_mprotect(p + from, n, protection, -1) == 0); break;
        case 3: CHECK(syscall(SYS_pkey_mprotect, p + from, n, protection, -1) == 0); break;
        }
        fill(p + from, n, 50 + round);
        CHECK(mprotect(p + from, n / 2, PROT_READ) == 0);
        for (int i = 0; i < 5; i++) {
            CHECK(holds(p + from, n, 50 + round) && holds(p, from, 1));
            usleep(10000);
        }
        CHECK(munmap(p, MIB(32)) == 0);
        char *q = mmap(NULL, MIB(32), PROT_READ, MAP_SHARED, fd, 0);
        CHECK(q != MAP_FAILED && holds(q, MIB(32), 1) && munmap(q, MIB(32)) == 0);
    }
    return 0;
}
