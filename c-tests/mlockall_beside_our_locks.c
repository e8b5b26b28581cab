// mlockall(MCL_CURRENT | MCL_FUTURE) under a limit that is enough without the shim is enough with it, and what the
// program maps then succeeds up to that limit.
// limit: memlock=8M
#include "test.h"

int main(void) {
    char *before = map(MIB(1)), *block = malloc(KIB(256));
    before[0] = block[0] = 1;
    CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
    for (int i = 0; i < 8; i++) {
        char *p = malloc(KIB(128)), *q = map(KIB(128));
        CHECK(p != NULL);
        memset(p, 1, KIB(128));
        CHECK(is_zero(q, KIB(128)));
    }
    errno = 0;
    CHECK(mmap(NULL, MIB(16), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    CHECK(errno == EAGAIN);
    CHECK(munlockall() == 0);
    char *after = map(MIB(16));
    after[0] = 1;
    return 0;
}
