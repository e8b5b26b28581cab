// Threads write, move, give up and unmap memory that is being populated, while others fork: content stays, and each child
// is populated for by a thread of its own.
// policy: anon@1M:huge+populate=async,malloc@1M:huge+populate=async+recycle
// page: rule1.failed = 0, rule2.failed = 0
// serial: takes up to 1 GiB
#include "test.h"
#include "smaps.h"
#include "crew.h"

static volatile int stop;

static void once(unsigned seed) {
    char *p = map(MIB(8)), *q = malloc(MIB(6));
    CHECK(q != NULL);
    fill(p, MIB(8), seed), fill(q, MIB(6), seed + 1);
    p = mremap(p, MIB(8), MIB(12), MREMAP_MAYMOVE);
    q = realloc(q, MIB(9));
    CHECK(p != MAP_FAILED && q && holds(p, MIB(8), seed) && holds(q, MIB(6), seed + 1));
    CHECK(madvise(p, MIB(4), MADV_DONTNEED) == 0 && is_zero(p, MIB(4)) && holds(p + MIB(4), MIB(4), seed + 7 * 1024));
    CHECK(munmap(p + MIB(2), MIB(2)) == 0 && mprotect(p, MIB(1), PROT_READ) == 0);
    CHECK(munmap(p, MIB(12)) == 0);
    free(q);
}

static void *storm(void *arg) {
    for (unsigned i = 0; !stop; i++) once(i);
    return arg;
}

int main(void) {
    pthread_t other[2];
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&other[i], NULL, storm, NULL) == 0);
    for (int i = 0; i < 15; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (unsigned j = 0; j < 5; j++) once(j);
            char *p = map(MIB(16));
            if (under_shim()) EVENTUALLY(resident(p, MIB(16)) == MIB(16));
            exit(0);
        }
        ends_well(pid);
    }
    stop = 1;
    for (int i = 0; i < 2; i++) CHECK(pthread_join(other[i], NULL) == 0);
    return 0;
}
