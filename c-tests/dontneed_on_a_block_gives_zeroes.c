// MADV_DONTNEED on whole pages of a block, locked by us or not, gives zeroes there and leaves the rest.
// env: MALLOC_MMAP_THRESHOLD_=65536
// (without that threshold glibc would serve later blocks from the heap, where no page is the program's alone)
#include "test.h"

int main(void) {
    for (size_t n = KIB(512); n <= MIB(64); n *= 2) {
        char *p = malloc(n);
        fill(p, n, 1);
        char *inside = (char *)(((uintptr_t)p + KIB(128)) & -PAGE);
        CHECK(madvise(inside, KIB(128), MADV_DONTNEED) == 0 && is_zero(inside, KIB(128)));
        CHECK(holds(p, inside - p, 1));
        inside[0] = 5;
        CHECK(madvise(inside, KIB(64), MADV_FREE) == 0 && madvise(inside, KIB(64), MADV_PAGEOUT) == 0);
        CHECK(posix_madvise(inside, KIB(64), POSIX_MADV_DONTNEED) == 0);
        CHECK(madvise(inside, KIB(64), MADV_DONTNEED) == 0 && is_zero(inside, KIB(64)));
        free(p);
    }
    return 0;
}
