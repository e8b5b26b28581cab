// An allocator preloaded ahead of the shim may lack C23's sized frees: its blocks go back to it all the same.
// preload: libjemalloc.so.2 libmimalloc.so.2.0 libtcmalloc_minimal.so.4
// policy: observe
// policy: latency
#include "test.h"

void free_sized(void *, size_t) __attribute__((weak));
void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));

int main(void) {
    for (size_t i = 0; i < 2000; i++) {
        char *small = malloc(100 + i), *aligned = aligned_alloc(64, 640 + 64 * i);
        CHECK(small && aligned);
        fill(small, 100 + i, i), fill(aligned, 640, i);
        if (free_sized) free_sized(small, 100 + i);
        else free(small);
        if (free_aligned_sized) free_aligned_sized(aligned, 64, 640 + 64 * i);
        else free(aligned);
    }
    return 0;
}
