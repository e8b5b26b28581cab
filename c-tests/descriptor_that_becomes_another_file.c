// The program closes a file that is read, and puts another one on its number, in ways that no hook sees: nothing of the other
// one is dropped, and both are read as they are.
// policy: file@4M:drop-behind
// policy: file@4M:populate+drop-behind
// page: rule1.applied >= 1
// serial: what is in memory
#include "test.h"
#include "cached.h"

// dup2(2), by no function of the C library's.
static int unseen_dup2(int old, int new) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_dup2), "D"((long)old), "S"((long)new) : "rcx", "r11", "memory");
    return (int)result;
}

int main(void) {
    size_t n = MIB(32);
    int file = cold_file_of("file", n, 1);
    int other = file_of("other", n, 2);
    CHECK(fsync(other) == 0);
    static char buffer[1 << 20];
    for (size_t at = 0; at < n; at += sizeof buffer) CHECK(pread(other, buffer, sizeof buffer, at) > 0);
    size_t before = cached(other, 0, 0);
    for (int round = 0; round < 8; round++) {
        int fd = open("file", O_RDONLY);
        CHECK(fd >= 0);
        CHECK(read(fd, buffer, sizeof buffer) > 0);
        if (round % 2) usleep(20000);
        CHECK(lseek(other, 0, SEEK_SET) == 0 && unseen_dup2(other, fd) == fd); // the same description, read on by both numbers
        CHECK(read_on(fd, 0, 2) == n);
        if (round % 2) usleep(20000);
        CHECK(close(fd) == 0);
        // A drop would take all but the last 8 MiB; a page or two go by themselves where DAMON reclaims, also without us.
        CHECK(cached(other, 0, 0) + MIB(1) / PAGE >= before);
    }
    CHECK(cached(file, 0, 0) * PAGE <= n);
    return 0;
}
