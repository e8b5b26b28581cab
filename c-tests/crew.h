// Threads that the program did not make. Include it after test.h and smaps.h.
#ifndef CREW_H
#define CREW_H
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>

// Threads of this process with this name, or all. Asked by the calls' numbers: by their names a program with one thread of its
// own finds none of ours.
__attribute__((unused)) static int threads_named(const char *name) {
    char entries[4096], path[300];
    int folder = (int)syscall(SYS_open, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
    CHECK(folder >= 0);
    for (long filled; (filled = syscall(SYS_getdents64, folder, entries, sizeof entries)) > 0;) {
        for (long at = 0; at < filled; at += *(unsigned short *)(entries + at + 16)) {
            const char *id = entries + at + 19;
            char found[32] = "";
            if (id[0] == '.') continue;
            snprintf(path, sizeof path, "/proc/self/task/%s/comm", id);
            int fd = name ? (int)syscall(SYS_open, path, O_RDONLY | O_CLOEXEC) : -1;
            if (fd >= 0) CHECK(read(fd, found, sizeof found - 1) >= 0 && syscall(SYS_close, fd) == 0);
            n += !name || !strcmp(found, name);
        }
    }
    CHECK(syscall(SYS_close, folder) == 0);
    return n;
}

// All of them.
__attribute__((unused)) static int threads(void) { return threads_named(NULL); }

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
