// Touching 1 GiB that malloc gave: at most 520 minor faults in the loop under throughput, at most 20 under
// latency, instead of 262,144.
// policy: observe
// policy: throughput
// policy: latency
// serial: memory
#include "test.h"
#include "smaps.h"
#include <sys/resource.h>

static long faults(void) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_minflt;
}

int main(void) {
    if (!thp_possible()) SKIP("transparent huge pages are off");
    if (available_kb() < 3u << 20) SKIP("less than 3 GiB of memory available");
    size_t n = GIB(1);
    volatile char *p = malloc(n);
    CHECK(p != NULL);
    long before = faults();
    for (size_t at = 0; at < n; at += PAGE) p[at] = 1;
    long taken = faults() - before, goal = policy_has("latency") ? 20 : policy_has("throughput") ? 520 : 270000;
    if (taken > goal) dprintf(2, "%ld minor faults\n", taken);
    CHECK(taken <= goal);
    free((void *)p);
    return 0;
}
