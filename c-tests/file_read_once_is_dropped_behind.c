// Under file:drop-behind a file that is read from front to back by read(2) leaves at most 16 MiB of itself in memory; also
// by way of fopen, of standard input, and of pread(2).
// policy: file@4M:drop-behind
// page: rule1.applied >= 4, rule1.failed = 0, dropped_bytes >= 150000000
// serial: what is in memory
#include "test.h"
#include "cached.h"

static void is_gone(int file) {
    if (under_shim()) CHECK(cached(file, 0, 0) * PAGE <= MIB(16));
    evict(file);
}

int main(void) {
    size_t n = MIB(64);
    int file = cold_file_of("file", n, 1);
    int fd = open("file", O_RDONLY);
    CHECK(fd >= 0 && read_on(fd, 0, 1) == n && close(fd) == 0);
    is_gone(file);

    FILE *stream = fopen("file", "r");
    static char buffer[1 << 20];
    CHECK(stream);
    for (size_t at = 0; at < n; at += sizeof buffer) {
        CHECK(fread(buffer, sizeof buffer, 1, stream) == 1);
        CHECK(memcmp(buffer, pattern_of_(at / PAGE, 1), PAGE) == 0);
    }
    CHECK(fclose(stream) == 0);
    is_gone(file);

    // as dd does it
    fd = open("file", O_RDONLY);
    CHECK(fd > 0 && dup2(fd, 0) == 0 && close(fd) == 0);
    CHECK(read_on(0, 0, 1) == n && close(0) == 0);
    is_gone(file);

    CHECK(open("file", O_RDONLY) == 0);
    for (size_t at = 0; at < n; at += sizeof buffer) {
        CHECK(pread(0, buffer, sizeof buffer, at) == sizeof buffer);
        CHECK(memcmp(buffer, pattern_of_(at / PAGE, 1), PAGE) == 0);
    }
    CHECK(close(0) == 0);
    is_gone(file);
    return 0;
}
