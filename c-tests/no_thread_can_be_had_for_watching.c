// At the limit of threads nothing is watched, which is said, and nothing else is different.
// policy: file@1M:drop-behind
// page: own_threads = 0, rule1.skipped >= 1, rule1.applied = 0
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/resource.h>

static void *nothing(void *arg) { return arg; }

int main(void) {
    int fd = file_of("file", MIB(8), 1);
    if (geteuid() == 0) CHECK(fchmod(fd, 0644) == 0 && setgid(23456) == 0 && setuid(23456) == 0);
    struct rlimit limit = {1, 1};
    CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) == 0) SKIP("the limit of threads does not hold here");
    for (int i = 0; i < 20; i++) {
        char *p = mmap(NULL, MIB(8), PROT_READ, MAP_SHARED, fd, 0);
        CHECK(p != MAP_FAILED && holds(p, MIB(8), 1) && munmap(p, MIB(8)) == 0);
    }
    CHECK(threads() == 1);
    return 0;
}
