// A file that is read by turns by a process, its forked child and a program that this one runs, all by one descriptor, is read
// from front to back as ever.
// policy: file@4M:drop-behind
// policy: file@4M:auto
// policy: file@4M:populate+drop-behind
// page: rule1.failed = 0
#include "test.h"
#include "cached.h"

static void read_some(int fd, size_t at) {
    static char buffer[1 << 20];
    CHECK(lseek(fd, 0, SEEK_CUR) == (off_t)at);
    for (int i = 0; i < 8; i++) {
        CHECK(read(fd, buffer, sizeof buffer) == sizeof buffer);
        for (size_t page = 0; page < sizeof buffer / PAGE; page++)
            CHECK(memcmp(buffer + page * PAGE, pattern_of_(at / PAGE + page, 1), PAGE) == 0);
        at += sizeof buffer;
    }
}

int main(int argc, char **argv) {
    if (argc > 1) { // the program that is run
        read_some(atoi(argv[1]), MIB(16));
        CHECK(fcntl(atoi(argv[2]), F_GETFD) == -1 && errno == EBADF);
        return 0;
    }
    size_t n = MIB(32);
    cold_file_of("file", n, 1);
    int fd = open("file", O_RDONLY), gone = open("file", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && gone >= 0);
    read_some(fd, 0);
    pid_t pid = fork();
    if (pid == 0) {
        read_some(fd, MIB(8));
        char number[16], other[16];
        snprintf(number, sizeof number, "%d", fd);
        snprintf(other, sizeof other, "%d", gone);
        execl("/proc/self/exe", "child", number, other, (char *)NULL);
        _exit(1);
    }
    ends_well(pid);
    CHECK(read_on(fd, MIB(24), 1) == n && close(fd) == 0);
    return 0;
}
