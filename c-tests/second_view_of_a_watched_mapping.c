// mremap with an old length of 0 makes a second view of a shared mapping: the first one is still watched, and dropped behind.
// policy: file:drop-behind
// page: dropped_bytes >= 30000000
// serial: what is in memory
#include "test.h"
#include "crew.h"
#include "cached.h"

int main(void) {
    size_t n = MIB(64);
    int fd = cold_file_of("file", n, 1);
    char *first = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(first != MAP_FAILED);
    char *second = mremap(first, 0, n, MREMAP_MAYMOVE);
    CHECK(second != MAP_FAILED && second != first);
    CHECK(holds(first, n, 1));
    if (under_shim()) EVENTUALLY(cached(fd, 0, 0) * PAGE <= MIB(16));
    CHECK(holds(second, n, 1));
    CHECK(munmap(first, n) == 0 && munmap(second, n) == 0 && close(fd) == 0);
    return 0;
}
