// The munmap of a middle that fails because the process may have no further mapping leaves memory that still takes
// MADV_DONTNEED, as an allocator then does, and gives zeroes.
// page [everything]: locked_bytes > 0
#include "test.h"

// Takes every mapping that the process may have: each page that differs from its neighbour is one.
static void take_all_mappings(size_t n) {
    char *p = mmap(NULL, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED);
    for (size_t at = PAGE; at < n; at += 2 * PAGE)
        if (mprotect(p + at, PAGE, PROT_READ) != 0) return;
    SKIP("the limit is too far away: sysctl vm.max_map_count=65530");
}

int main(void) {
    char *p = map(MIB(4));
    fill(p, MIB(4), 1);
    take_all_mappings(GIB(1));
    if (munmap(p + MIB(1), MIB(1)) == 0) SKIP("mappings could still be had");
    CHECK(errno == ENOMEM && holds(p, MIB(4), 1));
    CHECK(madvise(p + MIB(1), MIB(1), MADV_DONTNEED) == 0 && is_zero(p + MIB(1), MIB(1)));
    CHECK(holds(p, MIB(1), 1));
    return 0;
}
