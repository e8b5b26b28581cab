// Under recycle a freed block's pages go to the next block of about its size, without a fault; calloc still gives zeroes, and
// malloc_trim gives everything back.
// policy: malloc@1M:recycle
// policy: throughput
// page: recycled >= 60, retain_now = 0
#include "test.h"
#include "smaps.h"
#include <malloc.h>
#include <sys/resource.h>

static long faults(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_minflt;
}

int main(void) {
    char *p = malloc(MIB(64));
    CHECK(p);
    memset(p, 1, MIB(64));
    free(p);
    long before = faults();
    for (int i = 0; i < 40; i++) {
        p = malloc(MIB(64) - (size_t)i * KIB(100));
        CHECK(p);
        memset(p, i, MIB(60));
        free(p);
    }
    if (under_shim()) CHECK(faults() - before < 200);
    for (int i = 0; i < 21; i++) { // larger ones the C library would always map
        p = calloc(1, MIB(30));
        CHECK(p && is_zero(p, MIB(30)));
        fill(p, MIB(30), 1);
        free(p);
    }
    malloc_trim(0);
    return 0;
}
