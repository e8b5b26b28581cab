// Under RLIMIT_AS of 64 MiB what succeeds without the shim succeeds with it, and what can't be had fails with ENOMEM.
// limit: as=64M
#include "test.h"

int main(void) {
    for (int round = 0; round < 5; round++) {
        char *p = map(MIB(20)), *q = malloc(MIB(20));
        CHECK(q != NULL);
        memset(p, 1, MIB(20)), memset(q, 1, MIB(20));
        errno = 0;
        CHECK(mmap(NULL, MIB(64), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
        CHECK(malloc(MIB(64)) == NULL && errno == ENOMEM);
        CHECK(realloc(q, MIB(64)) == NULL && errno == ENOMEM && q[0] == 1);
        free(q);
        CHECK(munmap(p, MIB(20)) == 0);
        q = malloc(MIB(40));
        CHECK(q != NULL);
        memset(q, 2, MIB(40));
        free(q);
    }
    return 0;
}
