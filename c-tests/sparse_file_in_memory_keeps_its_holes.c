// A sparse file on tmpfs stays as small as it is: no rule fills its holes by reading or locking them. One without holes is
// populated as ever.
// policy: file@4M:populate
// policy: file@4M:lock
// policy: file@4M:populate=async
#include "test.h"
#include <sys/stat.h>

static size_t blocks(int fd) {
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    return (size_t)st.st_blocks;
}

static int in_memory(void) {
    char name[] = "/dev/shm/sparse.XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0) SKIP("no /dev/shm here");
    CHECK(unlink(name) == 0);
    return fd;
}

int main(void) {
    size_t n = MIB(64), gap = KIB(64);
    int fd = in_memory();
    CHECK(ftruncate(fd, n) == 0 && pwrite(fd, "x", 1, 0) == 1);
    size_t before = blocks(fd);
    CHECK(before < n / 512);
    char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK(blocks(fd) == before);
    for (size_t at = 0; at < n; at += gap) p[at] = 1;
    before = blocks(fd);
    CHECK(blocks(fd) == before);
    CHECK(munmap(p, n) == 0);
    int whole = in_memory();
    static char zeroes[1 << 20];
    for (size_t at = 0; at < MIB(8); at += sizeof zeroes) CHECK(pwrite(whole, zeroes, sizeof zeroes, at) == sizeof zeroes);
    before = blocks(whole);
    p = mmap(NULL, MIB(8), PROT_READ | PROT_WRITE, MAP_SHARED, whole, 0);
    CHECK(p != MAP_FAILED && is_zero(p, MIB(8)) && blocks(whole) == before);
    return 0;
}
