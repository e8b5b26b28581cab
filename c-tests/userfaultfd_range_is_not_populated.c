// A range that the program has registered with a userfaultfd is its own to fill: to make it writable returns at once
// (nobody answers a fault here, so that populating it would wait for ever), and brings no page.
#include "test.h"
#include "smaps.h"
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

int main(void) {
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) SKIP("no userfaultfd for this user: sysctl vm.unprivileged_userfaultfd=1, or as root");
    struct uffdio_api api = {.api = UFFD_API};
    CHECK(ioctl(fd, UFFDIO_API, &api) == 0);
    char *p = mmap(NULL, MIB(16), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED);
    struct uffdio_register range = {.range = {(uintptr_t)p, MIB(16)}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    CHECK(ioctl(fd, UFFDIO_REGISTER, &range) == 0);
    alarm(20);
    CHECK(mprotect(p, MIB(16), PROT_READ | PROT_WRITE) == 0);
    CHECK(resident(p, MIB(16)) == 0);
    return 0;
}
