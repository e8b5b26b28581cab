// calloc of a block that the C library would always map touches none of it, also right after such a block was freed.
// policy: malloc@1M:recycle
// policy: throughput
#include "test.h"
#include "statm.h"
#include <sys/resource.h>

int main(void) {
    char *p = malloc(MIB(200));
    CHECK(p);
    p[0] = p[MIB(100)] = 1;
    size_t before = resident_now();
    free(p);
    for (int i = 0; i < 3; i++) {
        p = calloc(1, MIB(200));
        CHECK(p && p[0] == 0 && p[MIB(100)] == 0);
        p[0] = p[MIB(100)] = 1;
        CHECK(resident_now() < before + MIB(10));
        free(p);
    }
    return 0;
}
