// A program that moves the break itself gets contiguous, zeroed memory, beside malloc.
#include "test.h"

int main(void) {
    for (int i = 0; i < 50; i++) {
        char *p = sbrk(KIB(128));
        CHECK(p != (char *)-1 && is_zero(p, KIB(128)));
        memset(p, i + 1, KIB(128));
        char *q = malloc(1000 + i * 100);
        CHECK(q != NULL);
        memset(q, 99, 1000 + i * 100);
        CHECK(p[0] == i + 1 && p[KIB(128) - 1] == i + 1);
        if (i % 2) free(q);
    }
    char *p = sbrk(0);
    CHECK(sbrk(KIB(64)) == p && sbrk(0) == p + KIB(64));
    CHECK(sbrk(-(intptr_t)KIB(64)) == p + KIB(64) && sbrk(0) == p);
    return 0;
}
