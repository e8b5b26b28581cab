// glibc raises its thresholds to the largest block that it sees freed, and then gives back less of its heap. Where large blocks
// are ours it learns the same: small blocks that are all freed and taken again fault no more than alone.
// policy: malloc@1M:recycle
// policy: malloc@1M:huge+recycle
#include "test.h"
#include <sys/resource.h>

static long faults(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_minflt;
}

static long round_of_small_ones(void) {
    static char *small[20000];
    long before = faults();
    for (int i = 0; i < 20000; i++) {
        small[i] = malloc(1000);
        CHECK(small[i]);
        small[i][0] = 1;
    }
    for (int i = 0; i < 20000; i++) free(small[i]); // the first ones first, so that the heap's end is the last to be free
    return faults() - before;
}

static long round_of_middling_ones(void) {
    char *p[8];
    long before = faults();
    for (int i = 0; i < 8; i++) {
        p[i] = malloc(KIB(900));
        CHECK(p[i]);
        memset(p[i], 1, KIB(900));
    }
    for (int i = 8; i-- > 0;) free(p[i]);
    return faults() - before;
}

int main(void) {
    free(malloc(MIB(30)));
    round_of_small_ones(), round_of_middling_ones();
    long small = 0, middling = 0;
    for (int i = 0; i < 10; i++) small += round_of_small_ones(), middling += round_of_middling_ones();
    CHECK(small < 1000 && middling < 1000);
    return 0;
}
