// calloc of a block that the C library would always map touches no more of it than its header, so that a huge page there
// costs nothing before the program writes; what it gave keeps its pages for malloc, and is as any block where the program
// makes calls on it.
// policy: malloc@1M:recycle
// policy: throughput
// page: recycled >= 6
#include "test.h"

static size_t resident_kb(void) {
    char text[64] = "";
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    return strtoul(strchr(text, ' '), NULL, 10) * PAGE / 1024;
}

int main(void) {
    for (int i = 0; i < 6; i++) {
        size_t before = resident_kb();
        char *p = calloc(64, MIB(1));
        CHECK(p && resident_kb() < before + KIB(1)); // statm is off by some pages for each processor
        for (size_t at = 0; at < MIB(64); at += 512) CHECK(p[at] == 0);
        fill(p, MIB(64), (unsigned)i);
        free(p);
        char *q = malloc(MIB(64));
        CHECK(q && (size_t)q % 16 == 0);
        fill(q, MIB(64), (unsigned)i + 100);
        CHECK(holds(q, MIB(64), (unsigned)i + 100));
        free(q);
    }
    // a call on all of it, from its first page on as the kernel rounds it, goes with it
    char *p = calloc(64, MIB(1));
    CHECK(p);
    p[MIB(3)] = 1;
    size_t into = (size_t)p % PAGE;
    CHECK(madvise(p - into, MIB(64) + into, MADV_DONTDUMP) == 0);
    size_t before = resident_kb();
    p = realloc(p, MIB(96));
    CHECK(p && p[MIB(3)] == 1 && resident_kb() < before + MIB(8) / 1024);
    volatile char *beyond = p + MIB(96);
    CHECK(*beyond == 0); // what the C library's own block has there
    free(p);
    return 0;
}
