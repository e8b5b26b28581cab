// A program maps a file over a part of a block (MAP_FIXED) and frees the block; what it allocates then is memory of
// its own, and the file is left as it was.
// env: MALLOC_MMAP_THRESHOLD_=65536
// (without that threshold glibc would serve later blocks from the heap, where no page is the program's alone)
#include "test.h"

int main(void) {
    int fd = file_of("file", MIB(1), 1);
    for (int round = 0; round < 20; round++) {
        for (size_t n = MIB(4); n <= MIB(40); n *= 3) {
            char *p = malloc(n);
            fill(p, n, 2);
            char *inside = (char *)(((uintptr_t)p + MIB(1)) & -PAGE);
            CHECK(mmap(inside, MIB(1), PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, fd, 0) == inside);
            CHECK(holds(inside, MIB(1), 1) && holds(p, inside - p, 2));
            free(p);
            p = calloc(1, n);
            CHECK(p != NULL && is_zero(p, n));
            memset(p, 3, n);
            free(p);
        }
    }
    char *q = mmap(NULL, MIB(1), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(q != MAP_FAILED && holds(q, MIB(1), 1));
    return 0;
}
