// A heap that is full of freed blocks of every size, as that of a cache is, goes on growing onto huge pages.
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

#define SLOTS 12000

int main(void) {
    if (!thp_on()) SKIP("transparent huge pages are off");
    char **slot = (char **)map(SLOTS * sizeof *slot);
    unsigned random = 1;
    for (int i = 0; i < 8 * SLOTS; i++) {
        random = random * 1103515245 + 12345;
        char **at = &slot[random / 7 % SLOTS];
        size_t n = 1000 + random / 65536 % 32768 * 2 % 60000;
        free(*at);
        *at = (char *)malloc(n);
        CHECK(*at != NULL);
        memset(*at, i, n);
    }
    size_t all = all_of("Rss");
    CHECK(all > MIB(128));
    if (under_shim()) CHECK(all_of("AnonHugePages") >= all / 10 * 9);
    for (int i = 0; i < SLOTS; i++) free(slot[i]);
    return 0;
}
