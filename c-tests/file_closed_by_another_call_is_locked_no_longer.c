// A lock (flock) on a file goes with its last descriptor also where that is closed by another call than close(2), or where
// standard input is another open of the same file: no thread of ours keeps it, however long it looks at the file.
// policy: file@4M:drop-behind
// policy: file@4M:auto
// page: rule1.applied >= 100
// serial: what is in memory
#include "test.h"
#include "cached.h"
#include <sys/file.h>
#include <sys/syscall.h>

static int null;

static void by(int way, int fd, FILE *stream) {
    switch (way) {
    case 0: CHECK(close(fd) == 0); break;
    case 1: CHECK(dup2(null, fd) == fd); break;
    case 2: CHECK(dup3(null, fd, O_CLOEXEC) == fd); break;
    case 3: CHECK(syscall(SYS_dup2, null, fd) == fd); break;
    case 4: CHECK(syscall(SYS_dup3, null, fd, O_CLOEXEC) == fd); break;
    case 5: CHECK(syscall(SYS_close_range, fd, fd, 0) == 0 || (errno == ENOSYS && close(fd) == 0)); break;
    case 6: CHECK(freopen("/dev/null", "r", stream) == stream); break;
    case 7: CHECK(freopen64("/dev/null", "r", stream) == stream); break;
#if __GLIBC_PREREQ(2, 34)
    case 8: CHECK(close_range(fd, fd, 0) == 0 || (errno == ENOSYS && close(fd) == 0)); break;
    case 9: closefrom(fd); break;
#endif
    default: CHECK(close(fd) == 0);
    }
}

int main(void) {
    size_t n = MIB(256);
    int file = file_of("file", n, 1);
    static char buffer[1 << 20];
    null = open("/dev/null", O_RDWR);
    CHECK(null >= 0 && dup2(open("file", O_RDONLY), 0) == 0);
    for (int round = 0; round < 250; round++) {
        int way = round % 10, is_stream = way == 6 || way == 7;
        FILE *stream = is_stream ? fopen("file", "r") : NULL;
        int fd = is_stream ? fileno(stream) : open("file", O_RDONLY);
        CHECK(fd > null && flock(fd, LOCK_EX) == 0);
        for (int i = 0; i < 3; i++) CHECK(read(fd, buffer, sizeof buffer) > 0);
        usleep(rand() % 4000);
        by(way, fd, stream);
        if (flock(file, LOCK_EX | LOCK_NB) != 0) dprintf(2, "still locked after way %d, round %d\n", way, round), _exit(1);
        CHECK(flock(file, LOCK_UN) == 0);
        if (stream) CHECK(fclose(stream) == 0);
        else close(fd);
    }
    return 0;
}
