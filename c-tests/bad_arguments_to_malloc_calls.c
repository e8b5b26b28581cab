// The malloc family with bad arguments returns what it returns without the shim; posix_memalign leaves errno and the
// pointer alone.
#include "test.h"
#include "table.h"
#include <malloc.h>

int main(void) {
    size_t aligns[] = {0, 1, 3, 4, 8, 12, 16, 24, 4095, 4096, 4097, MIB(2), (size_t)1 << 46, (size_t)1 << 63, SIZE_MAX};
    size_t sizes[] = {0, 1, 100, KIB(64), MIB(1) + 1, PTRDIFF_MAX, SIZE_MAX};
    for (size_t i = 0; i < sizeof aligns / sizeof *aligns; i++) {
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            size_t align = aligns[i], n = sizes[j];
            void *p = &row;
            printf("align %zx size %zx\n", align, n);
            ROW(posix_memalign(&p, align, n));
            printf("%s\n", p == &row ? "untouched" : p ? "memory" : "NULL");
            if (p != &row) free(p);
            // memalign rounds an odd alignment up, which glibc does by a loop that never ends beyond 2^63
            if (align <= (size_t)1 << 46) ROW_MEMORY(memalign(align, n));
            if (align <= (size_t)1 << 46) ROW_MEMORY(aligned_alloc(align, n));
        }
    }
    for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
        size_t n = sizes[j];
        ROW_MEMORY(malloc(n));
        ROW_MEMORY(calloc(n, 3));
        ROW_MEMORY(calloc(1, n));
        ROW_MEMORY(realloc(NULL, n));
        ROW_MEMORY(realloc(malloc(MIB(2)), n));
        ROW_MEMORY(reallocarray(NULL, n, 3));
        ROW_MEMORY(valloc(n));
        ROW_MEMORY(pvalloc(n));
    }
    ROW(malloc_usable_size(NULL));
    ROW(mallopt(M_MXFAST, 1 << 20));
    ROW(mallopt(M_MMAP_THRESHOLD, -1));
    ROW(mallopt(M_MMAP_THRESHOLD, 1 << 30));
    ROW(mallopt(M_TOP_PAD, 1 << 16));
    ROW(mallopt(M_MMAP_MAX, 1000));
    ROW(mallopt(12345, 0));
    return 0;
}
