// posix_memalign, aligned_alloc, memalign, valloc and pvalloc give blocks that are aligned as asked, from 16 bytes to
// 4 MiB, disjoint, wholly writable, and fit for realloc and free.
#include "test.h"
#include <malloc.h>

static char *get(int how, size_t align, size_t n) {
    void *p = NULL;
    switch (how) {
    case 0: return posix_memalign(&p, align, n) == 0 ? p : NULL;
    case 1: return aligned_alloc(align, n);
    case 2: return memalign(align, n);
    case 3: return align == 4096 ? valloc(n) : memalign(align, n);
    default: return align == 4096 ? pvalloc(n) : memalign(align, n);
    }
}

int main(void) {
    for (size_t align = 16; align <= MIB(4); align *= 2) {
        for (int how = 0; how < 5; how++) {
            size_t sizes[] = {1, 100, KIB(64), KIB(200), MIB(1), MIB(2) + 1};
            char *blocks[6];
            for (int i = 0; i < 6; i++) {
                blocks[i] = get(how, align, sizes[i]);
                CHECK(blocks[i] && (uintptr_t)blocks[i] % align == 0 && malloc_usable_size(blocks[i]) >= sizes[i]);
                memset(blocks[i], i + 1, sizes[i]);
            }
            for (int i = 0; i < 6; i++) {
                CHECK(blocks[i][0] == i + 1 && blocks[i][sizes[i] - 1] == i + 1);
                if (i % 2) {
                    blocks[i] = realloc(blocks[i], sizes[i] * 2);
                    CHECK(blocks[i] && blocks[i][0] == i + 1 && blocks[i][sizes[i] - 1] == i + 1);
                }
                free(blocks[i]);
            }
        }
    }
    return 0;
}
