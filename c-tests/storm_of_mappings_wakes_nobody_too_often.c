// A program that maps and unmaps files as fast as it can has a watching thread that takes less of the processor than it does.
// policy: file@1M:drop-behind
// policy: file@1M:auto,file@1M:lock=hot
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/resource.h>
#include <time.h>

static double cpu(clockid_t clock) {
    struct timespec t;
    CHECK(clock_gettime(clock, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void) {
    int fd = file_of("file", MIB(8), 1);
    double own = cpu(CLOCK_THREAD_CPUTIME_ID), all = cpu(CLOCK_PROCESS_CPUTIME_ID);
    while (cpu(CLOCK_THREAD_CPUTIME_ID) < own + 1) {
        char *p = mmap(NULL, MIB(8), PROT_READ, MAP_SHARED, fd, 0);
        CHECK(p != MAP_FAILED && munmap(p, MIB(8)) == 0);
    }
    own = cpu(CLOCK_THREAD_CPUTIME_ID) - own, all = cpu(CLOCK_PROCESS_CPUTIME_ID) - all;
    CHECK(all - own < own / 4);
    return 0;
}
