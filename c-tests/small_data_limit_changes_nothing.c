// Under RLIMIT_DATA of 32 MiB what succeeds without the shim succeeds with it, and what can't be had fails with ENOMEM.
// limit: data=32M
#include "test.h"

int main(void) {
    for (int round = 0; round < 2; round++) {
        char *p = map(MIB(12)), *q = malloc(MIB(12));
        CHECK(q != NULL);
        memset(p, 1, MIB(12)), memset(q, 1, MIB(12));
        errno = 0;
        CHECK(malloc(MIB(32)) == NULL && errno == ENOMEM);
        CHECK(realloc(q, MIB(32)) == NULL && errno == ENOMEM && q[0] == 1);
        free(q);
        CHECK(munmap(p, MIB(12)) == 0);
        for (int i = 0; i < 100; i++) {
            q = malloc(KIB(100));
            CHECK(q != NULL);
            memset(q, 3, KIB(100));
            free(q);
        }
        q = malloc(MIB(12));
        CHECK(q != NULL);
        free(q);
    }
    return 0;
}
