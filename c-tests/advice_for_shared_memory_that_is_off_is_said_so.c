// Where shmem_enabled gives huge pages to nobody, a rule shm:huge does nothing, and is reported as skipped.
// policy: shm:huge
// page: rule1.regions = 1, rule1.applied = 0, rule1.skipped = 1
#include "test.h"

int main(void) {
    char text[128] = "";
    int fd = open("/sys/kernel/mm/transparent_hugepage/shmem_enabled", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0 || !strstr(text, "[never]")) SKIP("shmem_enabled is not never");
    void *p = mmap(NULL, MIB(8), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED && munmap(p, MIB(8)) == 0);
    return 0;
}
