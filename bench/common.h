// What the workloads share: a clock, lines of `name value` on stdout, and what the kernel says of their own buffers.
// Nothing here allocates: a measurement that calls malloc would measure itself.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

// Seconds by CLOCK_MONOTONIC.
static inline double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

// stdio gets its buffer before the first phase, so that it neither allocates nor faults in one.
static inline void quiet_stdio(void) {
    static char buffer[4096];
    memset(buffer, 0, sizeof buffer);
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
}

static inline void say(const char *name, double value) { printf("%s %.9g\n", name, value); }

// One write to each 4 KiB page.
static inline void touch(volatile char *p, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 4096)
        p[i] = 1;
}

static inline void *must(void *p) {
    if (!p || p == MAP_FAILED) {
        perror("no memory");
        exit(1);
    }
    return p;
}

// Bytes resident, and those of them on huge pages.
struct held {
    size_t resident, huge;
};

// Sums /proc/self/smaps over the mappings that hold a part of any of n blocks of the same size; of all when n is 0.
static inline struct held held(void *const *blocks, size_t n, size_t bytes) {
    static char text[1 << 16];
    struct held sum = {0, 0};
    int counts = 0, file = open("/proc/self/smaps", O_RDONLY);
    size_t have = 0;
    for (ssize_t got; file >= 0 && (got = read(file, text + have, sizeof text - 1 - have)) > 0;) {
        have += got;
        text[have] = 0;
        char *line = text;
        for (char *end; (end = strchr(line, '\n')); line = end + 1) {
            unsigned long from, to, kib;
            *end = 0;
            if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
                counts = n == 0;
                for (size_t i = 0; i < n && !counts; i++)
                    counts = (uintptr_t)blocks[i] < to && (uintptr_t)blocks[i] + bytes > from;
            } else if (counts && sscanf(line, "Rss: %lu", &kib) == 1) {
                sum.resident += kib * KIB;
            } else if (counts && sscanf(line, "AnonHugePages: %lu", &kib) == 1) {
                sum.huge += kib * KIB;
            } else if (counts && sscanf(line, "Private_Hugetlb: %lu", &kib) == 1) {
                sum.resident += kib * KIB; // pages of the hugetlb pool are in no Rss
                sum.huge += kib * KIB;
            }
        }
        have -= line - text;
        memmove(text, line, have);
    }
    if (file >= 0)
        close(file);
    return sum;
}

static inline void say_huge(void *const *blocks, size_t n, size_t bytes) {
    struct held h = held(blocks, n, bytes);
    if (h.resident)
        say("huge_pct", 100.0 * h.huge / h.resident);
}

// The whole process's, in MiB.
static inline void say_resident(const char *name) { say(name, (double)held(NULL, 0, 0).resident / MIB); }
