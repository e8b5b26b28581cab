// After mlockall(MCL_FUTURE) the kernel populates what is mapped at once: a mapping is not made a second time to have it on a boundary.
// policy: throughput
// policy: anon@2M:huge,shm:huge=collapse+populate
// serial: locks all that is mapped
#include "test.h"
#include "smaps.h"

static size_t peak(void) {
    char line[256];
    size_t kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    CHECK(status);
    while (fgets(line, sizeof line, status)) sscanf(line, "VmHWM: %zu", &kib);
    CHECK(fclose(status) == 0 && kib > 0);
    return KIB(kib);
}

int main(void) {
    if (mlockall(MCL_FUTURE) != 0) SKIP("needs RLIMIT_MEMLOCK or CAP_IPC_LOCK");
    for (int shared = 0; shared < 2; shared++) {
        pid_t pid = fork();
        if (pid == 0) {
            CHECK(mlockall(MCL_FUTURE) == 0); // a child has none of it
            int flags = MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE);
            char *p = mmap(NULL, MIB(100) + KIB(4), PROT_READ | PROT_WRITE, flags, -1, 0);
            if (p == MAP_FAILED && errno == EAGAIN) _exit(0); // the limit is lower
            CHECK(p != MAP_FAILED);
            CHECK(resident(p, MIB(100)) == MIB(100));
            CHECK(peak() < MIB(150));
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
