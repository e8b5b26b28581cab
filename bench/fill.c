// Fragments the machine's memory: takes every free 2 MiB page and gives every second 4 KiB page of it back, until no
// 2 MiB page is left or MemAvailable falls to 3 GiB. For each line on stdin it tops up what was put together again
// meanwhile. Ends, and so gives all of it back, when stdin does: that is also when whoever started it is killed.
// prints per line: ready FREE_HUGE_MIB HELD_MIB
#include "common.h"
#include <poll.h>

enum { HUGE = 2 << 20, SPARED_MIB = 3072, BATCH_MIB = 256, ENOUGH_MIB = 16 };

// MiB in free blocks of 2 MiB and more, of the zones that programs are served from.
static size_t free_huge_mib(void) {
    static char line[1024];
    size_t sum = 0;
    FILE *file = fopen("/proc/buddyinfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        char zone[32];
        int at = 0;
        if (sscanf(line, "Node %*d, zone %31s%n", zone, &at) != 1 || strcmp(zone, "DMA") == 0)
            continue;
        char *next = line + at;
        for (int order = 0; *next && *next != '\n'; order++) {
            size_t blocks = strtoul(next, &next, 10);
            if (order >= 9)
                sum += blocks << (order - 9) << 1;
            next += strspn(next, " ");
        }
    }
    if (file)
        fclose(file);
    return sum;
}

static size_t available_mib(void) {
    static char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "MemAvailable: %zu kB", &kib) != 1)
        ;
    if (file)
        fclose(file);
    return kib >> 10;
}

// Whether whoever started this process is gone.
static int alone(void) {
    struct pollfd in = {.fd = 0, .events = POLLIN};
    return poll(&in, 1, 0) == 1 && (in.revents & POLLHUP);
}

// Takes one batch on huge pages, splits each and gives every second 4 KiB page back.
static void punch(size_t mib) {
    size_t bytes = mib * MIB;
    char *p = must(mmap(NULL, bytes + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    p += HUGE - (uintptr_t)p % HUGE;
    madvise(p, bytes, MADV_HUGEPAGE);
    touch(p, bytes);
    madvise(p, bytes, MADV_NOHUGEPAGE); // or khugepaged puts them together again
    for (size_t i = 0; i < bytes; i += HUGE)
        madvise(p + i, 4096, MADV_COLD); // on a part of a huge page this splits the page itself, at once (5.4)
    for (size_t i = 4096; i < bytes; i += 8192)
        madvise(p + i, 4096, MADV_DONTNEED);
}

int main(void) {
    static size_t held_mib;
    // whatever goes wrong, this process is the one to be killed for memory
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, "1000", 4) != 4)
        fprintf(stderr, "fill: oom_score_adj can't be set\n");
    for (char line[64]; fgets(line, sizeof line, stdin);) {
        // some free blocks are kept back by the kernel: and others free theirs meanwhile: give up after eight batches in vain
        for (int idle = 0; idle < 8 && !alone();) {
            size_t before = free_huge_mib(), available = available_mib();
            if (before <= ENOUGH_MIB || available <= SPARED_MIB + BATCH_MIB)
                break;
            size_t mib = (before < BATCH_MIB ? before : BATCH_MIB) & ~(size_t)1;
            punch(mib);
            held_mib += mib / 2;
            idle = free_huge_mib() + mib / 2 <= before ? 0 : idle + 1;
        }
        printf("ready %zu %zu\n", free_huge_mib(), held_mib);
        fflush(stdout);
    }
    return 0;
}
