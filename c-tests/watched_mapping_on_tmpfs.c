// On tmpfs, where pages have no other place to be, what is watched keeps its content, in files and in memfds, with holes and
// without, and what is written to a shared mapping stays.
// policy: file@1M:drop-behind
// policy: file@1M:auto+lock=hot
// policy: file@1M:lock,file@1M:drop-behind
// policy: file@1M:populate=async,file@1M:auto
// policy: shm@1M:lock,file@1M:drop-behind
// policy: any:lock=hot
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"

static void use(int fd, unsigned seed) {
    char *p = mmap(NULL, MIB(32), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && is_zero(p, MIB(32)));
    fill(p, MIB(16), seed);
    char *q = mmap(NULL, MIB(32), PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(q != MAP_FAILED);
    for (int i = 0; i < 10; i++) {
        CHECK(holds(p, MIB(16), seed) && is_zero(p + MIB(16), MIB(16)) && holds(q, MIB(16), seed));
        usleep(10000);
    }
    CHECK(munmap(p, MIB(32)) == 0 && holds(q, MIB(16), seed) && munmap(q, MIB(32)) == 0);
}

int main(void) {
    char name[64];
    snprintf(name, sizeof name, "/dev/shm/c-test-%d", (int)getpid());
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) SKIP("no /dev/shm here");
    CHECK(unlink(name) == 0 && ftruncate(fd, MIB(32)) == 0);
    use(fd, 1);
    int memory = memfd_create("memory", MFD_CLOEXEC);
    CHECK(memory >= 0 && ftruncate(memory, MIB(32)) == 0);
    use(memory, 2);
    return 0;
}
