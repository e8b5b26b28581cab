// A library's own constructor, which runs before the shim's, allocates small and large blocks of every sort; main
// finds their content, reallocs some and frees all.
// build: early.so -shared -fPIC -DLIBRARY
// cflags: -L. -l:early.so -Wl,-rpath,$ORIGIN
#include "test.h"
#include <malloc.h>

#define SMALL 3000
#define LARGE 24

struct early {
    char *small[SMALL], *large[LARGE], *cleared, *aligned, *grown;
};

#ifdef LIBRARY
struct early early;
__attribute__((constructor)) static void allocate(void) {
    for (int i = 0; i < SMALL; i++) {
        early.small[i] = malloc(16 + i % 512);
        fill(early.small[i], 16 + i % 512, i);
        if (i % 3 == 0) free(malloc(100 + i));
    }
    for (int i = 0; i < LARGE; i++) fill(early.large[i] = malloc(KIB(64) << (i % 7)), KIB(64) << (i % 7), i);
    early.cleared = calloc(3, MIB(1));
    early.aligned = memalign(MIB(2), MIB(1));
    early.grown = malloc(10);
    fill(early.grown, 10, 5);
    for (size_t n = 100; n < MIB(4); n *= 3) early.grown = realloc(early.grown, n);
    free(NULL);
    free(malloc(MIB(5)));
}
#else
extern struct early early;
int main(void) {
    for (int i = 0; i < SMALL; i++) {
        CHECK(holds(early.small[i], 16 + i % 512, i));
        CHECK(malloc_usable_size(early.small[i]) >= (size_t)(16 + i % 512));
    }
    for (int i = 0; i < LARGE; i++) {
        size_t n = KIB(64) << (i % 7);
        CHECK(holds(early.large[i], n, i));
        if (i % 2) {
            early.large[i] = realloc(early.large[i], n * 2);
            CHECK(holds(early.large[i], n, i));
        }
    }
    CHECK(is_zero(early.cleared, MIB(3)) && (uintptr_t)early.aligned % MIB(2) == 0);
    CHECK(holds(early.grown, 10, 5));
    for (int i = 0; i < SMALL; i++) {
        if (i % 4 == 0) {
            early.small[i] = realloc(early.small[i], KIB(70));
            CHECK(early.small[i] && holds(early.small[i], 16 + i % 512, i));
        }
        free(early.small[i]);
    }
    for (int i = 0; i < LARGE; i++) free(early.large[i]);
    free(early.cleared), free(early.aligned), free(early.grown);
    return 0;
}
#endif
