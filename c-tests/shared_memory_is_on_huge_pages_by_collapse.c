// A rule shm:huge=collapse+populate puts a memfd, and a shared anonymous mapping, on huge pages whatever shmem_enabled says.
// policy: shm:huge=collapse+populate
// page: rule1.applied >= 2, rule1.failed = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t n = MIB(8);
    char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd = memfd_create("memory", MFD_CLOEXEC);
    CHECK(p != MAP_FAILED && fd >= 0 && ftruncate(fd, n) == 0);
    char *q = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(q != MAP_FAILED);
    if (under_shim() && thp_possible()) {
        CHECK(smaps_kb(p, n, "ShmemPmdMapped") == 8192);
        CHECK(smaps_kb(q, n, "ShmemPmdMapped") == 8192);
    }
    CHECK(is_zero(p, n) && is_zero(q, n));
    fill(q, n, 9);
    char again[64];
    CHECK(pread(fd, again, sizeof again, 0) == sizeof again && holds(again, sizeof again, 9));
    pid_t child = fork();
    if (child == 0) {
        fill(p, n, 4);
        _exit(0);
    }
    ends_well(child);
    CHECK(holds(p, n, 4) && munmap(p, n) == 0 && munmap(q, n) == 0);
    return 0;
}
