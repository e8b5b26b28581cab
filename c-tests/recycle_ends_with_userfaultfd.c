// A program that serves page faults itself may have any block registered: none is kept, so the next one of the same size does
// not wait for the program's own thread.
// policy: malloc@1M:recycle
// policy: throughput
#include "test.h"
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

int main(void) {
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1);
    if (fd < 0) fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (fd < 0) SKIP("no userfaultfd here");
    struct uffdio_api api = {.api = UFFD_API};
    CHECK(ioctl(fd, UFFDIO_API, &api) == 0);
    char *p = malloc(MIB(40));
    CHECK(p);
    size_t middle = ((size_t)p + MIB(4)) & ~(PAGE - 1);
    struct uffdio_register range = {.range = {middle, MIB(8)}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    CHECK(ioctl(fd, UFFDIO_REGISTER, &range) == 0);
    free(p);
    alarm(20); // whoever touches a registered page waits for ever
    p = malloc(MIB(40));
    CHECK(p);
    memset(p, 1, MIB(40));
    free(p);
    return 0;
}
