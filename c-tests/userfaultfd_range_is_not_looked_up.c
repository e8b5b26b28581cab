// A mapping of shared memory that the program registers with a userfaultfd is its own to fill: no fault comes that it has not
// caused, whatever of it was to stay without mlock.
// policy: any:lock
// policy: shm:lock
// limit: memlock=64K
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

int main(void) {
    int memory = memfd_create("memory", MFD_CLOEXEC);
    CHECK(memory >= 0 && ftruncate(memory, MIB(16)) == 0);
    char *before = mmap(NULL, MIB(16), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    CHECK(before != MAP_FAILED);
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) SKIP("no userfaultfd for this user: sysctl vm.unprivileged_userfaultfd=1, or as root");
    struct uffdio_api api = {.api = UFFD_API};
    CHECK(ioctl(fd, UFFDIO_API, &api) == 0);
    char *after = mmap(NULL, MIB(16), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    CHECK(after != MAP_FAILED);
    for (int i = 0; i < 2; i++) {
        char *p = i ? after : before;
        CHECK(madvise(p, MIB(16), MADV_REMOVE) == 0);
        struct uffdio_register range = {.range = {(uintptr_t)p, MIB(16)}, .mode = UFFDIO_REGISTER_MODE_MISSING};
        if (ioctl(fd, UFFDIO_REGISTER, &range) != 0) SKIP("no userfaultfd of shared memory here");
        CHECK(madvise(p, MIB(16), MADV_REMOVE) == 0);
        struct pollfd event = {.fd = fd, .events = POLLIN};
        CHECK(poll(&event, 1, 1500) == 0);
    }
    return 0;
}
