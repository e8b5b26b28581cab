// mmap, munmap, mremap and mprotect with bad and with odd arguments return what they return without the shim.
#include "test.h"
#include "table.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

int main(void) {
    int fd = file_of("file", MIB(1), 1), readonly = open("file", O_RDONLY), writeonly = open("file", O_WRONLY), p[2];
    int folder = open(".", O_RDONLY | O_DIRECTORY), path = open("file", O_PATH);
    CHECK(readonly >= 0 && writeonly >= 0 && folder >= 0 && path >= 0 && pipe(p) == 0);
    size_t sizes[] = {0, 1, PAGE - 1, KIB(64) + 1, MIB(2), SIZE_MAX, SIZE_MAX - PAGE, (size_t)1 << 47, (size_t)1 << 62};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i];
        printf("size %zx\n", n);
        ROW_MEMORY(mmap(NULL, n, RW, ANON, -1, 0));
        ROW_MEMORY(mmap(NULL, n, RW, 0, -1, 0));
        ROW_MEMORY(mmap(NULL, n, RW, MAP_ANONYMOUS, -1, 0));
        ROW_MEMORY(mmap(NULL, n, RW, MAP_PRIVATE, -1, 0));
        ROW_MEMORY(mmap(NULL, n, RW, MAP_PRIVATE, 9999, 0));
        ROW_MEMORY(mmap(NULL, n, RW, MAP_SHARED, readonly, 0));
        ROW_MEMORY(mmap(NULL, n, PROT_READ, MAP_SHARED, writeonly, 0));
        ROW_MEMORY(mmap(NULL, n, PROT_READ, MAP_PRIVATE, folder, 0));
        ROW_MEMORY(mmap(NULL, n, PROT_READ, MAP_PRIVATE, path, 0));
        ROW_MEMORY(mmap(NULL, n, PROT_READ, MAP_PRIVATE, p[0], 0));
        ROW_MEMORY(mmap(NULL, n, RW, MAP_SHARED, fd, 1));
        ROW_MEMORY(mmap(NULL, n, RW, MAP_SHARED, fd, -4096));
        ROW_MEMORY(mmap(NULL, n, RW, MAP_SHARED, fd, MIB(4)));
        ROW_MEMORY(mmap(NULL, n, RW, MAP_SHARED, fd, (off_t)(SIZE_MAX >> 1 & -PAGE)));
        ROW_MEMORY(mmap(NULL, n, RW, MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        ROW_MEMORY(mmap(NULL, n, RW, 3 | 1 << 30, fd, 0));
        ROW_MEMORY(mmap(AT(1), n, RW, ANON | MAP_FIXED, -1, 0));
        ROW_MEMORY(mmap(AT(-PAGE), n, RW, ANON | MAP_FIXED, -1, 0));
        ROW_MEMORY(mmap(AT(-PAGE), n, RW, ANON, -1, 0));
        ROW_MEMORY(mmap(AT(12345), n, RW, ANON, -1, 0));
        ROW_MEMORY(mmap(NULL, n, -1, ANON, -1, 0));
        ROW_MEMORY(mmap(NULL, n, PROT_EXEC | 1 << 20, ANON, -1, 0));
        ROW_MEMORY(mmap(NULL, n, RW, ANON | MAP_HUGETLB | 63 << 26, -1, 0));
        if (n < MIB(4)) ROW_MEMORY(mmap(NULL, n, RW, ANON | MAP_POPULATE | MAP_LOCKED | MAP_STACK, -1, 0));
        ROW_MEMORY(mmap64(NULL, n, RW, MAP_SHARED, fd, 1));
        ROW(munmap(NULL, n));
        ROW(munmap(AT(1), n));
        ROW(munmap(AT(-PAGE), n));
        ROW(mprotect(NULL, n, RW));
        ROW(mprotect(AT(1), n, RW));
        ROW(mprotect(AT(-PAGE), n, RW));
        // nothing right behind it: mprotect works up to the first gap even where it fails
        char *m = map(MIB(8)) + MIB(4);
        CHECK(munmap(m - MIB(4), MIB(4)) == 0 && munmap(m + MIB(1), MIB(3)) == 0);
        ROW(mprotect(m, n == MIB(2) ? PAGE : n, PROT_READ | 1 << 30));
        ROW(mprotect(m, PAGE, PROT_READ | PROT_GROWSDOWN));
        ROW(mprotect(m + 1, PAGE, PROT_READ));
        ROW(munmap(m + 1, n));
        ROW_MEMORY(mremap(NULL, n, MIB(1), MREMAP_MAYMOVE));
        ROW_MEMORY(mremap(m + 1, PAGE, n, MREMAP_MAYMOVE));
        ROW_MEMORY(mremap(m, 0, n, MREMAP_MAYMOVE));
        ROW_MEMORY(mremap(m, MIB(1), n, 128));
        ROW_MEMORY(mremap(m, MIB(1), n, MREMAP_FIXED));
        ROW_MEMORY(mremap(m, MIB(1), n, MREMAP_MAYMOVE | MREMAP_FIXED, m + 1));
        ROW_MEMORY(mremap(m, MIB(1), n, MREMAP_MAYMOVE | MREMAP_FIXED, m + PAGE));
        ROW_MEMORY(mremap(m, MIB(1), n, MREMAP_MAYMOVE | 4, NULL));
        ROW_MEMORY(mremap(m, MIB(3), n, 0));
    }
    return 0;
}
