// A lock (flock) on a file goes with its last descriptor: no thread of ours keeps it beyond the program's close.
// policy: file@4M:drop-behind
// policy: file@4M:populate
// page: rule1.applied >= 100
#include "test.h"
#include "cached.h"
#include <sys/file.h>

int main(void) {
    int file = cold_file_of("file", MIB(32), 1);
    static char buffer[1 << 20];
    for (int round = 0; round < 100; round++) {
        int fd = open("file", O_RDONLY);
        CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
        for (int i = 0; i < round % 32; i++) CHECK(read(fd, buffer, sizeof buffer) > 0);
        CHECK(flock(file, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
        CHECK(close(fd) == 0);
        CHECK(flock(file, LOCK_EX | LOCK_NB) == 0 && flock(file, LOCK_UN) == 0);
    }
    return 0;
}
