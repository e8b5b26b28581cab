// madvise and posix_madvise with every advice, bad addresses and odd sizes return what they return without the shim,
// and posix_madvise leaves errno.
#include "test.h"
#include "table.h"

int main(void) {
    int fd = file_of("file", MIB(4), 1);
    for (int advice = -1; advice <= 105; advice++) {
        // 100 and 101 poison pages for good where the caller may; MADV_COLLAPSE (25) rightly depends on what is resident
        if ((advice > 30 && advice < 99) || advice == 100 || advice == 101 || advice == 25) continue;
        printf("advice %d\n", advice);
        char *memory[4];
        memory[0] = map(MIB(4));
        memory[1] = mmap(NULL, MIB(4), PROT_READ, MAP_SHARED, fd, 0);
        memory[2] = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        memory[3] = mmap(NULL, MIB(4), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int i = 0; i < 4; i++) {
            CHECK(memory[i] != MAP_FAILED);
            ROW(madvise(memory[i], MIB(1), advice));
            ROW(madvise(memory[i] + 1, MIB(1), advice));
            ROW(madvise(memory[i], 0, advice));
            ROW(madvise(memory[i], 1, advice));
            ROW(madvise(memory[i], SIZE_MAX, advice));
            ROW(posix_madvise(memory[i], MIB(1), advice));
            ROW(posix_madvise(memory[i] + 1, MIB(1), advice));
            ROW(posix_madvise(memory[i], SIZE_MAX - PAGE, advice));
            CHECK(munmap(memory[i], MIB(4)) == 0);
        }
        ROW(madvise(NULL, PAGE, advice));
        ROW(madvise(AT(-PAGE), PAGE, advice));
        ROW(madvise(AT(-PAGE), 2 * PAGE, advice));
        ROW(posix_madvise(NULL, PAGE, advice));
    }
    // a range that is mapped in part only
    char *m = map(MIB(2));
    CHECK(munmap(m + MIB(1), PAGE) == 0);
    int advices[] = {MADV_NORMAL, MADV_RANDOM, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE, MADV_COLD, MADV_PAGEOUT};
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) ROW(madvise(m, MIB(2), advices[i]));
    return 0;
}
