// A program puts a guard page into a block, and makes another part read-only, and frees the block without undoing
// that; blocks that it allocates later are writable all over.
// env: MALLOC_MMAP_THRESHOLD_=65536
// (without that threshold glibc would serve later blocks from the heap, where no page is the program's alone)
#include "test.h"

int main(void) {
    for (int round = 0; round < 20; round++) {
        for (size_t n = MIB(1); n <= MIB(40); n *= 3) {
            char *p = malloc(n);
            CHECK(p != NULL);
            memset(p, 1, n);
            char *inside = (char *)(((uintptr_t)p + KIB(512)) & -PAGE);
            CHECK(mprotect(inside, PAGE, PROT_NONE) == 0 && mprotect(inside + KIB(64), KIB(64), PROT_READ) == 0);
            CHECK(p[0] == 1 && inside[KIB(64)] == 1 && p[n - 1] == 1);
            free(p);
            p = malloc(n);
            CHECK(p != NULL);
            memset(p, 2, n);
            free(p);
        }
    }
    return 0;
}
