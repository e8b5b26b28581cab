// Mappings of files that a thread of ours watches. Include it after test.h, smaps.h and crew.h.
#ifndef WATCHED_H
#define WATCHED_H

// Threads of this process that are named as ours are.
__attribute__((unused)) static int watchers(void) { return threads_named("faultless\n"); }

// Puts a file on disk and out of memory, as far as that can be had.
__attribute__((unused)) static void evict(int fd) {
    CHECK(fsync(fd) == 0);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

// A shared mapping for reading of a new file with this seed; under the shim a thread of ours watches it.
__attribute__((unused)) static char *watched(const char *name, size_t n, unsigned seed) {
    int fd = file_of(name, n, seed);
    evict(fd);
    char *p = (char *)mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && close(fd) == 0);
    if (under_shim()) EVENTUALLY(watchers() == 1);
    return p;
}

#endif
