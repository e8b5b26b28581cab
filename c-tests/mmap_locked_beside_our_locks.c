// The program's own mmap with MAP_LOCKED gets all of RLIMIT_MEMLOCK, whatever rules have locked before.
// limit: memlock=8M
#include "test.h"

int main(void) {
    char *ruled = map(MIB(32));
    ruled[0] = 1;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED;
    CHECK(mmap(NULL, MIB(7), PROT_READ | PROT_WRITE, flags, -1, 0) != MAP_FAILED);
    errno = 0;
    CHECK(mmap(NULL, MIB(2), PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED && errno == EAGAIN);
    return 0;
}
