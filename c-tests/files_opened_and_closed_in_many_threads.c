// Threads that open, read, duplicate and close files on each other's numbers while these are watched read what is there.
// policy: file@4M:drop-behind
// policy: file@4M:auto
// policy: file@4M:populate+drop-behind
// page: rule1.failed = 0
#include "test.h"
#include "cached.h"

static void *work(void *arg) {
    size_t n = MIB(8);
    unsigned seed = (unsigned)(uintptr_t)arg;
    char name[16];
    snprintf(name, sizeof name, "file%u", seed);
    for (int round = 0; round < 60; round++) {
        int fd = open(name, O_RDONLY);
        CHECK(fd >= 0);
        if (round % 3 == 0) {
            int copy = dup(fd);
            CHECK(copy >= 0 && close(fd) == 0);
            fd = copy;
        }
        if (round % 5 == 0) {
            CHECK(lseek(fd, MIB(4), SEEK_SET) == (off_t)MIB(4) && read_on(fd, MIB(4), seed) == n);
        } else {
            CHECK(read_on(fd, 0, seed) == n);
        }
        CHECK(close(fd) == 0);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[6];
    fill(pattern_, 0, 0);
    for (uintptr_t i = 0; i < 6; i++) {
        char name[16];
        snprintf(name, sizeof name, "file%u", (unsigned)i);
        int fd = file_of(name, MIB(8), (unsigned)i);
        CHECK(fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 && close(fd) == 0);
    }
    for (uintptr_t i = 0; i < 6; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (int i = 0; i < 6; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
