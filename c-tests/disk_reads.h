// Real major faults without a memory limit: a thread reads a file from disk again and again, a little of it page by page.
#ifndef DISK_READS_H
#define DISK_READS_H
#include <sys/resource.h>

static volatile int disk_reads_end;
static const char *disk_reads_file = "read again";

__attribute__((unused)) static void *disk_reads_(void *arg) {
    static char into[MIB(1)];
    size_t n = MIB(8), faults = KIB(256);
    int fd = file_of(disk_reads_file, n, 3);
    CHECK(fsync(fd) == 0);
    volatile char *p = (volatile char *)mmap(NULL, faults, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && madvise((void *)p, faults, MADV_RANDOM) == 0);
    while (!disk_reads_end) {
        CHECK(madvise((void *)p, faults, MADV_DONTNEED) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
        for (size_t at = 0; at < faults && !disk_reads_end; at += PAGE) (void)p[at];
        for (size_t at = 0; at < n && !disk_reads_end; at += sizeof into) CHECK(pread(fd, into, sizeof into, at) > 0);
    }
    CHECK(munmap((void *)p, faults) == 0 && close(fd) == 0);
    return arg;
}

// Major faults so far.
__attribute__((unused)) static long major_faults(void) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_majflt;
}

// Starts it; skips the test where nothing comes from a disk.
__attribute__((unused)) static pthread_t disk_reads_begin(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, disk_reads_, NULL) == 0);
    for (int i = 0; i < 100 && major_faults() < 100; i++) usleep(20000);
    if (major_faults() < 100) SKIP("the working folder is not on a disk");
    return thread;
}
#endif
