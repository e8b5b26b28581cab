// mlock, mlock2, munlock, mlockall and munlockall with bad arguments, and at their limit, return what they return
// without the shim.
// limit: memlock=256K
#include "test.h"
#include "table.h"

int main(void) {
    char *m = map(MIB(2)), *none = mmap(NULL, MIB(1), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(none != MAP_FAILED && munmap(m + MIB(1), PAGE) == 0);
    size_t sizes[] = {0, 1, PAGE, KIB(256), KIB(256) + 1, KIB(512), MIB(2), SIZE_MAX, SIZE_MAX - PAGE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i];
        printf("size %zx\n", n);
        ROW(mlock(m, n));
        ROW(mlock(m + 1, n));
        ROW(munlock(m, n));
        ROW(munlock(m + 1, n));
        ROW(munlockall());
        ROW(mlock(NULL, n));
        ROW(mlock(AT(-PAGE), n));
        ROW(munlock(NULL, n));
        ROW(munlock(AT(-PAGE), n));
        ROW(mlock(m + MIB(1), n));
        ROW(mlock(m + MIB(1) - PAGE, n));
        ROW(munlockall());
        ROW(mlock2(m, n, 0));
        ROW(mlock2(m, n, MLOCK_ONFAULT));
        ROW(mlock2(m, n, 8));
        ROW(mlock2(m, n, -1));
        ROW(munlockall());
        if (n <= MIB(2)) ROW(mlock(none, n));
        ROW(munlockall());
    }
    ROW(mlockall(0));
    ROW(mlockall(-1));
    ROW(mlockall(8));
    ROW(mlockall(MCL_ONFAULT));
    ROW(mlockall(MCL_CURRENT));
    ROW(mlockall(MCL_CURRENT | MCL_FUTURE));
    ROW(mlockall(MCL_FUTURE));
    ROW_MEMORY(mmap(NULL, MIB(1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ROW_MEMORY(mmap(NULL, KIB(64), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ROW(munlockall());
    ROW_MEMORY(mmap(NULL, MIB(1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
    return 0;
}
