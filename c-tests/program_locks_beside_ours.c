// The program's own mlock calls get all of RLIMIT_MEMLOCK, whatever rules have locked before, and not a byte more.
// limit: memlock=8M
#include "test.h"

int main(void) {
    char *ruled = map(MIB(32)), *block = malloc(MIB(16)), *mine = map(MIB(16));
    ruled[0] = block[0] = 1;
    CHECK(mlock(mine, MIB(4)) == 0 && mlock(mine + MIB(4), MIB(3)) == 0);
    CHECK(mlock2(mine + MIB(7), KIB(512), MLOCK_ONFAULT) == 0);
    errno = 0;
    CHECK(mlock(mine, MIB(12)) == -1 && errno == ENOMEM);
    CHECK(munlock(mine, MIB(4)) == 0 && mlock(mine + MIB(8), MIB(4)) == 0);
    CHECK(munlockall() == 0 && mlock(mine, MIB(8)) == 0);
    char *more = map(MIB(8));
    more[0] = 1;
    CHECK(munlock(mine, MIB(8)) == 0);
    char *locked = mmap(NULL, MIB(7), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    CHECK(locked != MAP_FAILED);
    return 0;
}
