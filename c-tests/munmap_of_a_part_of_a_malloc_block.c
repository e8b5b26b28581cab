// A program unmaps a part of a block and frees the block; blocks that it allocates later are whole.
// env: MALLOC_MMAP_THRESHOLD_=65536
// (without that threshold glibc would serve later blocks from the heap, where no page is the program's alone)
#include "test.h"

int main(void) {
    for (int round = 0; round < 20; round++) {
        for (size_t n = MIB(1); n <= MIB(40); n *= 3) {
            char *p = malloc(n);
            CHECK(p != NULL);
            memset(p, 1, n);
            CHECK(munmap((char *)(((uintptr_t)p + KIB(512)) & -PAGE), KIB(64)) == 0);
            CHECK(p[0] == 1 && p[n - 1] == 1);
            free(p);
            p = malloc(n);
            CHECK(p != NULL);
            memset(p, 2, n);
            free(p);
        }
    }
    return 0;
}
