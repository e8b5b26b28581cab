// To map a FIFO, a folder, a socket, a terminal, a device, a file without permission or a bad descriptor gives the same
// success, or the same errno, as ever.
// policy: file@1M:drop-behind
// policy: file@1M:auto+lock=hot
// policy: file@1M:lock,file@1M:drop-behind
// policy: file@1M:populate=async,file@1M:auto
// policy: any:lock=hot
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/socket.h>
#include <sys/stat.h>

static void try(const char *name, int fd) {
    for (int flags = MAP_SHARED; flags <= MAP_PRIVATE; flags++) {
        errno = 0;
        char *p = mmap(NULL, MIB(8), PROT_READ | PROT_WRITE, flags, fd, 0);
        printf("%s: %s, errno %d\n", name, p == MAP_FAILED ? "failed" : "mapped", errno);
        if (p == MAP_FAILED) continue;
        fill(p, MIB(8), 1);
        usleep(1000);
        CHECK(holds(p, MIB(8), 1) && munmap(p, MIB(8)) == 0);
    }
    if (fd >= 0) close(fd);
}

int main(void) {
    int pair[2];
    CHECK(mkfifo("fifo", 0600) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    char *p = watched("file", MIB(8), 1);
    try("zero", open("/dev/zero", O_RDWR | O_CLOEXEC));
    try("null", open("/dev/null", O_RDWR | O_CLOEXEC));
    try("terminal", open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY));
    try("fifo", open("fifo", O_RDWR | O_CLOEXEC));
    try("folder", open(".", O_RDONLY | O_CLOEXEC));
    try("socket", pair[0]);
    try("read only", open("file", O_RDONLY | O_CLOEXEC));
    try("write only", open("file", O_WRONLY | O_CLOEXEC));
    try("path", open("file", O_PATH | O_CLOEXEC));
    try("memory", open("/proc/self/mem", O_RDWR | O_CLOEXEC));
    try("none", -1);
    try("bad", 999);
    CHECK(mmap(NULL, 0, PROT_READ, MAP_SHARED, open("file", O_RDONLY), 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, MIB(8), PROT_READ, MAP_SHARED, open("file", O_RDONLY), 1) == MAP_FAILED && errno == EINVAL);
    CHECK(p != NULL);
    return 0;
}
