// What a program asked for on a block (MADV_DONTFORK, MADV_WIPEONFORK, MADV_DONTDUMP, mlock) isn't found on the block
// that it allocates after freeing it.
// env: MALLOC_MMAP_THRESHOLD_=65536
// (without that threshold glibc would serve later blocks from the heap, where no page is the program's alone)
#include "test.h"
#include "smaps.h"

int main(void) {
    for (int round = 0; round < 8; round++) {
        size_t n = round % 2 ? MIB(2) : MIB(36);
        char *p = malloc(n);
        CHECK(p != NULL);
        char *inside = (char *)(((uintptr_t)p + KIB(512)) & -PAGE);
        CHECK(madvise(inside, MIB(1), round < 4 ? MADV_DONTFORK : MADV_WIPEONFORK) == 0);
        CHECK(madvise(inside, KIB(64), MADV_DONTDUMP) == 0);
        free(p);
        p = malloc(n);
        CHECK(p != NULL);
        fill(p, n, round);
        CHECK(smaps_flagged(p, n, "dd") == 0);
        pid_t pid = fork();
        if (pid == 0) _exit(holds(p, n, round) ? 0 : 1);
        ends_well(pid);
        free(p);
    }
    return 0;
}
