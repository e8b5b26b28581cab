// Advice by process_madvise(2) that the kernel refuses on locked memory succeeds where only a rule of ours has locked it, and
// remap_file_pages(2), which it refuses over a mapping that is locked in part, too; what the program itself locked refuses as ever.
// policy: file:lock=1M..2M,anon:lock
// page: locked_bytes > 0
#include "test.h"
#include <sys/syscall.h>
#include <sys/uio.h>

static void advise(const char *what, int self, struct iovec *ranges, size_t count, int advice) {
    errno = 0;
    long result = syscall(SYS_process_madvise, self, ranges, count, (long)advice, 0L);
    printf("%s advice %d: %ld errno %d\n", what, advice, result, errno);
}

int main(void) {
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0), fd = file_of("file", MIB(8), 1);
    if (self < 0) SKIP("no pidfd_open(2) here");
    int advices[] = {MADV_COLD, MADV_PAGEOUT, MADV_DONTNEED, MADV_FREE, MADV_NORMAL};
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
        char *p = map(MIB(4)), *q = map(MIB(4));
        memset(p, 1, MIB(4)), memset(q, 2, MIB(4));
        struct iovec ranges[] = {{p, MIB(4)}, {q, KIB(64)}, {q + MIB(1), MIB(1)}};
        advise("all", self, ranges, 1, advices[i]);
        advise("three", self, ranges, 3, advices[i]);
        printf("%d %d\n", p[MIB(1)], q[MIB(1)]);
        CHECK(mlock(q + MIB(1), PAGE) == 0);
        advise("locked", self, ranges, 3, advices[i]);
        advise("no vector", self, (struct iovec *)PAGE, 3, advices[i]);
        CHECK(munmap(p, MIB(4)) == 0 && munmap(q, MIB(4)) == 0);
    }
    char *p = mmap(NULL, MIB(8), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    errno = 0;
    int result = remap_file_pages(p, MIB(4), 0, 16, 0);
    printf("remap_file_pages: %d errno %d\n", result, errno);
    if (result == 0) CHECK(memcmp(p, p + MIB(4), PAGE) != 0 && memcmp(p + MIB(4) - 16 * PAGE, p + MIB(4), 16 * PAGE) == 0);
    result = (int)syscall(SYS_remap_file_pages, p, MIB(2), 0, 0, 0);
    printf("by its number: %d errno %d\n", result, errno);
    if (result == 0) CHECK(holds(p, MIB(2), 1));
    CHECK(munmap(p, MIB(8)) == 0);
    return 0;
}
