// An exit handler closes all descriptors and opens a file of its own under a high number, which may be the one that
// we had for the report: the report does not go into it.
// env: FAULTLESS_REPORT=all
// stderr: faultless
#include "test.h"

static void open_file(void) {
    for (int fd = 3; fd < 1024; fd++) close(fd);
    int fd = open("data", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    for (int n = 64; n < 68; n++) CHECK(dup2(fd, n) == n);
    CHECK(write(64, "DATA\n", 5) == 5);
}

int main(void) {
    pid_t pid = fork();
    if (pid == 0) {
        map(MIB(4))[0] = 1;
        atexit(open_file);
        exit(0);
    }
    ends_well(pid);
    char bytes[4096];
    int fd = open("data", O_RDONLY);
    CHECK(fd >= 0 && read(fd, bytes, sizeof bytes) == 5 && memcmp(bytes, "DATA\n", 5) == 0);
    return 0;
}
