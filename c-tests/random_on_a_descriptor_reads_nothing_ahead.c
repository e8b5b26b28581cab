// A rule file:random also holds for files that are read by read(2): what is read in order then comes without readahead.
// policy: file@4M:random
// page: rule1.applied >= 1, rule1.failed = 0, files_opened >= 1
// serial: what is in memory
#include "test.h"
#include "cached.h"

int main(void) {
    int file = cold_file_of("file", MIB(8), 1);
    int fd = open("file", O_RDONLY);
    CHECK(fd >= 0);
    char page[4096];
    for (size_t at = 0; at < 16 * PAGE; at += PAGE) CHECK(read(fd, page, PAGE) == (ssize_t)PAGE);
    if (under_shim()) CHECK(cached(file, 0, 0) == 16);
    return 0;
}
