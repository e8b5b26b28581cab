// A file of which what the program reads is pushed out of memory again and again, though there is room for all of it.
// Include it after test.h, disk_reads.h and smaps.h.
#ifndef PUSHED_OUT_H
#define PUSHED_OUT_H

#define SIZE MIB(64)
#define USED MIB(16)
#define READS 20

// madvise(2) so that the library doesn't hear of it: what the kernel, or somebody else, does.
static long unheard_madvise(char *at, size_t n, long advice) {
    long result = -1;
#ifdef __x86_64__
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_madvise), "D"(at), "S"(n), "d"(advice)
                     : "rcx", "r11", "memory");
#else
    (void)at, (void)n, (void)advice;
    SKIP("x86-64 only");
#endif
    return result;
}

// The kernel refuses it for what is locked.
static void push_out(char *file, int fd) {
    CHECK(unheard_madvise(file, SIZE, MADV_DONTNEED) == 0 || locked_kb() != 0);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
}

// So few that it would take minutes to read as much as the file has.
__attribute__((unused)) static void read_some(volatile char *file) {
    static unsigned long draw = 88172645463325252UL;
    for (int i = 0; i < READS; i++) {
        draw ^= draw << 13, draw ^= draw >> 7, draw ^= draw << 17;
        (void)file[draw % USED];
        usleep(5000);
    }
}

// Reads on, for half a minute at most, until something is locked. What is read comes page by page.
__attribute__((unused)) static void read_until_locked(char *file, int fd) {
    push_out(file, fd);
    read_some(file);
    if (major_faults() < READS / 2) SKIP("the working folder is not on a disk");
    for (int i = 0; i < 300 && locked_kb() == 0; i++) {
        push_out(file, fd);
        read_some(file);
        if (!under_shim()) return;
    }
}

#endif
