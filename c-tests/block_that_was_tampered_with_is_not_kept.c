// A block in which the program has made a guard page, a mapping of its own, a hole or a lock is not given to the next one:
// every block of the same size is whole and writable.
// policy: malloc@1M:recycle
// policy: throughput
// policy: malloc@64K:huge+populate+lock+recycle
#include "test.h"
#include <sys/syscall.h>

static void tamper(char *p, int how) {
    char *page = (char *)(((size_t)p + MIB(2)) & ~(PAGE - 1));
    switch (how) {
    case 0: CHECK(mprotect(page, PAGE, PROT_NONE) == 0); break;
    case 1: CHECK(mprotect(page, PAGE, PROT_READ) == 0); break;
    case 2: CHECK(munmap(page, PAGE) == 0); break;
    case 3: CHECK(mmap(page, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page); break;
    case 4: CHECK(madvise(page, PAGE, MADV_DONTFORK) == 0); break;
    case 5: CHECK(syscall(SYS_mprotect, page, PAGE, PROT_NONE) == 0); break;
    case 6: CHECK(mlock(page, PAGE) == 0); break;
    case 7: CHECK(mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page + MIB(1)) != MAP_FAILED); break;
    }
}

int main(void) {
    // large enough for the C library to map each by itself, as the shim does
    for (int how = 0; how < 8; how++) {
        char *p = malloc(MIB(40));
        CHECK(p);
        fill(p, MIB(40), (unsigned)how);
        tamper(p, how);
        free(p);
        char *q = malloc(MIB(40));
        CHECK(q);
        fill(q, MIB(40), 9);
        pid_t pid = fork();
        if (pid == 0) _exit(holds(q, MIB(40), 9) ? 0 : 1);
        ends_well(pid);
        free(q);
    }
    // nor when it has become smaller meanwhile
    char *p = malloc(MIB(72));
    CHECK(p);
    tamper(p, 0);
    p = realloc(p, MIB(64));
    CHECK(p);
    free(p);
    p = malloc(MIB(64));
    CHECK(p);
    fill(p, MIB(64), 9);
    free(p);
    return 0;
}
