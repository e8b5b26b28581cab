// More mappings than any table of ours may hold, made and unmapped in another order, some in pieces.
// serial: memory
#include "test.h"

#define N 12000

int main(void) {
    static char *maps[N];
    for (int i = 0; i < N; i++) {
        // neighbours of another protection can't be merged into one
        maps[i] = mmap(NULL, KIB(64), i % 2 ? PROT_READ | PROT_WRITE : PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(maps[i] != MAP_FAILED);
        if (i % 2) maps[i][5] = (char)i;
    }
    for (int i = 0; i < N; i += 3) CHECK(munmap(maps[i], KIB(32)) == 0 && munmap(maps[i] + KIB(32), KIB(32)) == 0);
    for (int i = N - 1; i >= 0; i--) {
        if (i % 3 == 0) continue;
        CHECK(maps[i][5] == (i % 2 ? (char)i : 0));
        if (i % 3 == 1) CHECK(munmap(maps[i], KIB(64)) == 0);
    }
    char *p = map(MIB(4)), *q = malloc(MIB(4));
    CHECK(q != NULL && is_zero(p, MIB(4)));
    return 0;
}
