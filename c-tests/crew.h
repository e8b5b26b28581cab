// Threads that the program did not make. Include it after test.h and smaps.h.
#ifndef CREW_H
#define CREW_H
#include <dirent.h>
#include <sched.h>
#include <time.h>

// Threads of this process, as the kernel counts them.
__attribute__((unused)) static int threads(void) {
    DIR *d = opendir("/proc/self/task");
    CHECK(d != NULL);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

// Waits, for as long as a test may take, until a condition holds.
#define EVENTUALLY(cond)                                                                                        \
    do {                                                                                                       \
        for (int turn_ = 0; !(cond); turn_++) {                                                                 \
            CHECK(turn_ < 20000 && "in 20 s");                                                                  \
            usleep(1000);                                                                                      \
        }                                                                                                      \
    } while (0)

__attribute__((unused)) static int processors(void) {
    cpu_set_t set;
    CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
    return CPU_COUNT(&set);
}

#endif
