// Under file:drop-behind a scan by read(2) drops nothing of the file that was in memory before it.
// policy: file@4M:drop-behind
// page: rule1.applied >= 1, dropped_bytes >= 20000000
// serial: what is in memory
#include "test.h"
#include "cached.h"

int main(void) {
    size_t n = MIB(64);
    int file = cold_file_of("file", n, 1);
    CHECK(posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM) == 0); // no readahead
    static char buffer[1 << 20];
    for (size_t at = MIB(10); at < MIB(18); at += sizeof buffer) CHECK(pread(file, buffer, sizeof buffer, at) > 0);
    for (size_t at = MIB(40); at < MIB(42); at += sizeof buffer) CHECK(pread(file, buffer, sizeof buffer, at) > 0);
    size_t before = cached(file, MIB(10), MIB(8)) + cached(file, MIB(40), MIB(2));
    int fd = open("file", O_RDONLY);
    CHECK(fd >= 0 && read_on(fd, 0, 1) == n && close(fd) == 0);
    CHECK(cached(file, MIB(10), MIB(8)) + cached(file, MIB(40), MIB(2)) == before);
    if (under_shim()) CHECK(cached(file, 0, 0) * PAGE <= MIB(16) + MIB(12));
    return 0;
}
