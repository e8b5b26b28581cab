// Where the process may have no further mapping, those that our locks have made give way: the program can part its own, and
// unmap the middle of one, as often as without us.
// policy: file:lock=1M..2M,anon@4M:lock
// page: locked_bytes > 0
#include "test.h"

#define ALL GIB(1)

// The pages, each a mapping of its own, that can be had.
static size_t parts(char *p) {
    size_t at = PAGE;
    while (at < ALL && mprotect(p + at, PAGE, PROT_READ) == 0) at += 2 * PAGE;
    return at;
}

int main(void) {
    enum { FILES = 20 };
    int fd = file_of("file", MIB(3), 1);
    for (int i = 0; i < FILES; i++) CHECK(mmap(NULL, MIB(3), PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
    char *middle = map(MIB(8));
    fill(middle, MIB(8), 1);
    char *p = mmap(NULL, ALL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED);
    size_t most = parts(p);
    if (most >= ALL) SKIP("the limit is too far away: sysctl vm.max_map_count=65530");
    CHECK(errno == ENOMEM);
    // one mapping less than there may be: two parts of a page give it back
    CHECK(mprotect(p + most - 2 * PAGE, PAGE, PROT_NONE) == 0);
    CHECK(munmap(middle + MIB(4), MIB(1)) == 0);
    printf("%d\n", mprotect(p + most - 2 * PAGE, PAGE, PROT_READ) == 0);
    return 0;
}
