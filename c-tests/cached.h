// What of a file is in memory, by cachestat(2), and files of which nothing is. Include it after test.h.
#ifndef CACHED_H
#define CACHED_H
#include <sys/syscall.h>

// Pages of a part of a file that are in memory; a length of 0 is the whole rest. SKIPs where the kernel can't say.
__attribute__((unused)) static size_t cached(int fd, size_t from, size_t n) {
    uint64_t range[2] = {from, n}, found[5] = {0};
    if (syscall(451, fd, range, found, 0) != 0) SKIP("no cachestat(2) here");
    return found[0];
}

// Puts a file out of memory.
__attribute__((unused)) static void evict(int fd) {
    CHECK(fsync(fd) == 0);
    for (int i = 0; i < 100 && cached(fd, 0, 0); i++) {
        CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
        if (i) usleep(10000);
    }
    if (cached(fd, 0, 0)) SKIP("files stay in memory here");
}

// A file as `file_of` makes it, out of memory. Its descriptor is for reading and writing, and not affected by the rules for
// scans.
__attribute__((unused)) static int cold_file_of(const char *name, size_t n, unsigned seed) {
    int fd = file_of(name, n, seed);
    evict(fd);
    return fd;
}

// Reads a descriptor from where it stands to the end, and checks position and content; returns the bytes.
__attribute__((unused)) static size_t read_on(int fd, size_t at, unsigned seed) {
    static __thread char buffer[128 << 10];
    for (;;) {
        CHECK(lseek(fd, 0, SEEK_CUR) == (off_t)at);
        ssize_t n = read(fd, buffer, sizeof buffer);
        CHECK(n >= 0);
        if (n == 0) return at;
        for (ssize_t i = 0; i < n; i += 4096) {
            size_t page = (at + i) / 4096, rest = n - i < 4096 ? n - i : 4096;
            CHECK(memcmp(buffer + i, pattern_of_(page, seed), rest) == 0);
        }
        at += n;
    }
}

#endif
