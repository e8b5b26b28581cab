// calloc of a block that the C library would always map touches none of it, also right after such a block was freed.
// policy: malloc@1M:recycle
// policy: throughput
#include "test.h"
#include <sys/resource.h>

static size_t resident(void) {
    FILE *f = fopen("/proc/self/statm", "re");
    size_t size, pages = 0;
    CHECK(f && fscanf(f, "%zu %zu", &size, &pages) == 2);
    fclose(f);
    return pages * PAGE;
}

int main(void) {
    char *p = malloc(MIB(200));
    CHECK(p);
    p[0] = p[MIB(100)] = 1;
    size_t before = resident();
    free(p);
    for (int i = 0; i < 3; i++) {
        p = calloc(1, MIB(200));
        CHECK(p && p[0] == 0 && p[MIB(100)] == 0);
        p[0] = p[MIB(100)] = 1;
        CHECK(resident() < before + MIB(10));
        free(p);
    }
    return 0;
}
