// Advice that the kernel refuses on locked memory (EINVAL) succeeds where only a rule of ours has locked it, and
// msync(MS_INVALIDATE), which is EBUSY there, too; what the program itself locked refuses it as ever.
#include "test.h"
#include <linux/memfd.h>

static void advise(const char *what, char *p, size_t n, int advice) {
    errno = 0;
    int result = madvise(p, n, advice);
    printf("%s advice %d: %d errno %d\n", what, advice, result, errno);
}

int main(void) {
    int advices[] = {MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_REMOVE, MADV_GUARD_INSTALL_,
                     MADV_GUARD_INSTALL_ + 1, MADV_WIPEONFORK, MADV_KEEPONFORK};
    int memfd = memfd_create("memory", MFD_CLOEXEC), fd = file_of("file", MIB(4), 1);
    CHECK(memfd >= 0 && ftruncate(memfd, MIB(4)) == 0);
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
        char *kinds[5];
        const char *names[] = {"anon", "shared", "memfd", "file", "private file"};
        kinds[0] = map(MIB(4));
        kinds[1] = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        kinds[2] = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
        kinds[3] = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        kinds[4] = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        for (int k = 0; k < 5; k++) {
            CHECK(kinds[k] != MAP_FAILED);
            // MADV_REMOVE would punch a hole into the file on disk, where the file system can
            if (k >= 3 && advices[i] == MADV_REMOVE) continue;
            advise(names[k], kinds[k] + MIB(1), MIB(1), advices[i]);
            errno = 0;
            int result = msync(kinds[k], MIB(4), MS_INVALIDATE);
            printf("%s msync %d errno %d\n", names[k], result, errno);
            CHECK(mlock(kinds[k] + MIB(2), KIB(64)) == 0);
            advise(names[k], kinds[k] + MIB(2), KIB(64), advices[i]);
            CHECK(munmap(kinds[k], MIB(4)) == 0);
        }
    }
    return 0;
}
