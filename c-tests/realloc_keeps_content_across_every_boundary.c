// realloc keeps the content on every way, up and down, between sizes just below, at and just above 64K, 128K, 1M,
// 2M, 4M and 32M.
#include "test.h"
#include <malloc.h>

int main(void) {
    size_t bounds[] = {KIB(64), KIB(128), MIB(1), MIB(2), MIB(4), MIB(32)}, sizes[32];
    int n = 0;
    sizes[n++] = 1;
    sizes[n++] = 4000;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        for (int d = -1; d <= 1; d++) sizes[n++] = bounds[i] + d;
    for (int from = 0; from < n; from++) {
        for (int to = 0; to < n; to++) {
            // content at both ends and around each page of the part that must stay is enough here
            size_t stay = sizes[from] < sizes[to] ? sizes[from] : sizes[to];
            unsigned char *p = malloc(sizes[from]);
            CHECK(p != NULL);
            for (size_t at = 0; at < stay; at += 1021) p[at] = (unsigned char)(at / 1021 + from);
            p[stay - 1] = 77;
            p = realloc(p, sizes[to]);
            CHECK(p != NULL && malloc_usable_size(p) >= sizes[to] && p[stay - 1] == 77 && (uintptr_t)p % 16 == 0);
            for (size_t at = 0; at < stay - 1; at += 1021) CHECK(p[at] == (unsigned char)(at / 1021 + from));
            p[sizes[to] - 1] = 1;
            free(p);
        }
    }
    return 0;
}
