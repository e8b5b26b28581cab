// A rule file:populate reads an opened file ahead of the program, beside it: all of it comes into memory although the program
// reads nothing; and nothing more comes once it is closed.
// policy: file=**/file:populate
// page: rule1.applied = 1, rule1.failed = 0, read_ahead_bytes = 33554432, populate_now = 0
// serial: what is in memory
#include "test.h"
#include "cached.h"

int main(void) {
    size_t n = MIB(32);
    int file = file_of("other", n, 1);
    CHECK(rename("other", "file") == 0);
    evict(file);
    int fd = open("file", O_RDONLY);
    CHECK(fd >= 0 && lseek(fd, 0, SEEK_CUR) == 0);
    if (under_shim()) {
        for (int i = 0; i < 3000 && cached(file, 0, 0) * PAGE < n; i++) usleep(10000);
        CHECK(cached(file, 0, 0) * PAGE == n);
        usleep(300000); // until it is counted
    }
    CHECK(lseek(fd, 0, SEEK_CUR) == 0 && read_on(fd, 0, 1) == n && close(fd) == 0);
    return 0;
}
