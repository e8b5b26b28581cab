// A call that succeeds leaves errno as it was, also where an action of ours behind it was refused.
// limit: memlock=64K
#include "test.h"
#include <malloc.h>

#define KEEPS(call)         \
    do {                    \
        errno = 1234;       \
        call;               \
        CHECK(errno == 1234); \
    } while (0)

int main(void) {
    char *p, *q, *big;
    int fd = file_of("file", MIB(1), 1);
    for (int i = 0; i < 20; i++) {
        KEEPS(p = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        KEEPS(q = mmap(NULL, MIB(1), PROT_READ, MAP_SHARED, fd, 0));
        KEEPS(mprotect(p, MIB(1), PROT_READ));
        KEEPS(mprotect(p, MIB(1), PROT_READ | PROT_WRITE));
        KEEPS(madvise(p, MIB(1), MADV_DONTNEED));
        KEEPS(posix_madvise(q, MIB(1), POSIX_MADV_WILLNEED));
        KEEPS(mlock(p, PAGE));
        KEEPS(munlock(p, PAGE));
        KEEPS(munlockall());
        KEEPS(p = mremap(p, MIB(4), MIB(8), MREMAP_MAYMOVE));
        KEEPS(munmap(p, MIB(8)));
        KEEPS(munmap(q, MIB(1)));
        for (size_t n = 100; n <= MIB(16); n *= 8) {
            KEEPS(big = malloc(n));
            KEEPS(big = realloc(big, n * 2));
            KEEPS(malloc_usable_size(big));
            KEEPS(free(big));
            KEEPS(free(calloc(1, n)));
            KEEPS(free(aligned_alloc(4096, (n + 4095) & ~4095ul)));
        }
    }
    return 0;
}
