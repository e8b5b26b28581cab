// What /proc/self/smaps says of a range. Include it after test.h.
#ifndef SMAPS_H
#define SMAPS_H

// Sums `field` (kB) over the mappings that touch [at, at + n); with `flag` instead, the bytes of the range that lie
// in mappings whose VmFlags have it.
static size_t smaps_(const void *at, size_t n, const char *field, const char *flag) {
    FILE *f = fopen("/proc/self/smaps", "re");
    CHECK(f != NULL);
    char line[1024], name[64];
    unsigned long from = (unsigned long)at, to = from + n, start = 0, end = 0, lo, hi;
    size_t sum = 0;
    while (fgets(line, sizeof line, f)) {
        unsigned long kb;
        if (sscanf(line, "%lx-%lx ", &lo, &hi) == 2) {
            start = lo > from ? lo : from;
            end = hi < to ? hi : to;
        } else if (start < end && field && sscanf(line, "%63[^:]: %lu kB", name, &kb) == 2 && !strcmp(name, field)) {
            sum += kb;
        } else if (start < end && flag && !strncmp(line, "VmFlags:", 8)) {
            char wanted[8];
            snprintf(wanted, sizeof wanted, " %s ", flag);
            line[strcspn(line, "\n")] = 0;
            strcat(line, " ");
            if (strstr(line, wanted)) sum += end - start;
        }
    }
    fclose(f);
    return sum;
}

// kB of Rss, Locked, Anonymous, … of the mappings that touch the range.
__attribute__((unused)) static size_t smaps_kb(const void *at, size_t n, const char *field) {
    return smaps_(at, n, field, NULL);
}

// Bytes of the range with this flag: lo locked, hg huge, nh no huge, rr random, sr sequential, dd no dump.
__attribute__((unused)) static size_t smaps_flagged(const void *at, size_t n, const char *flag) {
    return smaps_(at, n, NULL, flag);
}

// Bytes of the range that are in memory, as mincore tells it.
__attribute__((unused)) static size_t resident(void *at, size_t n) {
    static unsigned char there[1 << 18];
    size_t sum = 0;
    for (size_t done = 0; done < n; done += sizeof there * PAGE) {
        size_t part = n - done < sizeof there * PAGE ? n - done : sizeof there * PAGE;
        CHECK(mincore((char *)at + done, part, there) == 0);
        for (size_t i = 0; i < (part + PAGE - 1) / PAGE; i++) sum += (there[i] & 1) * PAGE;
    }
    return sum;
}

// Whether transparent huge pages can be had at all.
__attribute__((unused)) static int thp_possible(void) {
    char text[128] = "";
    int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 && !strstr(text, "[never]");
}

// kB that this process has locked.
__attribute__((unused)) static size_t locked_kb(void) {
    FILE *f = fopen("/proc/self/status", "re");
    CHECK(f != NULL);
    char line[256];
    size_t kb = 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "VmLck: %zu kB", &kb) == 1) break;
    fclose(f);
    return kb;
}

// kB that /proc/meminfo says are available.
__attribute__((unused)) static size_t available_kb(void) {
    FILE *f = fopen("/proc/meminfo", "re");
    char line[256];
    size_t kb = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %zu kB", &kb) == 1) break;
    if (f) fclose(f);
    return kb;
}

#endif
