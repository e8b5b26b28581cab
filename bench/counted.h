// What the workloads that count single reads share: numbers drawn from a seed, a histogram of nanoseconds, and what the
// kernel counts for the process.
#include "common.h"

#include <sys/resource.h>

// Log-linear: 64 steps to each power of two.
#define BUCKETS (64 * 64)

static inline uint64_t mixed(uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static inline uint64_t drawn(uint64_t *state) { return mixed((*state)++); }

static inline uint64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static inline size_t bucket(uint64_t ns) {
    if (ns < 64)
        return ns;
    int power = 63 - __builtin_clzll(ns);
    return (power - 5) * 64 + ((ns >> (power - 6)) & 63);
}

static inline uint64_t bucket_value(size_t b) {
    if (b < 64)
        return b;
    int power = b / 64 + 5;
    return (1ull << power) + ((uint64_t)(b % 64) << (power - 6));
}

// Of one thread: read by others while it writes, so the counts that matter are taken when it has ended.
struct latencies {
    uint64_t counts[BUCKETS], reads, slowest;
    uint64_t ever; // reads, those before the window too
};

static inline void count(struct latencies *l, uint64_t ns) {
    l->reads++;
    l->ever++;
    l->counts[bucket(ns)]++;
    if (ns > l->slowest)
        l->slowest = ns;
}

// The window opens: what was counted before is not looked at.
static inline void forget(struct latencies *l) {
    memset(l->counts, 0, sizeof l->counts);
    l->reads = l->slowest = 0;
}

static inline void add(struct latencies *sum, const struct latencies *l) {
    for (size_t i = 0; i < BUCKETS; i++)
        sum->counts[i] += l->counts[i];
    sum->reads += l->reads;
    sum->ever += l->ever;
    if (l->slowest > sum->slowest)
        sum->slowest = l->slowest;
}

static inline uint64_t quantile(const struct latencies *l, double part) {
    uint64_t seen = 0;
    for (size_t i = 0; i < BUCKETS && l->reads; i++)
        if ((seen += l->counts[i]) >= part * l->reads)
            return bucket_value(i);
    return 0;
}

struct costs {
    double major, minor, read;
};

static inline struct costs costs(void) {
    struct rusage usage;
    struct costs c = {0, 0, 0};
    unsigned long long read;
    char line[128];
    getrusage(RUSAGE_SELF, &usage);
    c.major = usage.ru_majflt;
    c.minor = usage.ru_minflt;
    FILE *io = fopen("/proc/self/io", "r");
    while (io && fgets(line, sizeof line, io))
        if (sscanf(line, "read_bytes: %llu", &read) == 1)
            c.read = read;
    if (io)
        fclose(io);
    return c;
}
