// What the program unmaps, replaces, moves, protects or gives up while it is being populated is not populated afterwards:
// at most the one piece (2 MiB) that the thread had begun with.
// policy: anon@1M:populate=async
#include "test.h"
#include "smaps.h"
#include "crew.h"

// At the same place, memory that no rule wants populated.
static size_t resident_afterwards(char *p, size_t n) {
    char *q = mmap(p, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    CHECK(q == p);
    usleep(300);
    return resident(q, n);
}

int main(void) {
    size_t n = MIB(32);
    for (int i = 0; i < 60; i++) {
        char *p = map(n), *q;
        usleep(i % 6 * 100);
        switch (i % 4) {
        case 0:
            CHECK(munmap(p, n) == 0);
            break;
        case 1:
            break;
        case 2:
            q = mremap(p, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, mmap(NULL, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
            CHECK(q != MAP_FAILED && is_zero(q, MIB(1)) && munmap(q, n) == 0);
            break;
        case 3:
            CHECK(mprotect(p, n, PROT_NONE) == 0 && madvise(p, n, MADV_DONTNEED) == 0);
            usleep(300);
            CHECK(mprotect(p, n, PROT_READ | PROT_WRITE) == 0 && resident(p, n) <= MIB(2));
            break;
        }
        CHECK(resident_afterwards(p, n) <= MIB(2));
        CHECK(munmap(p, n) == 0);
    }
    return 0;
}
