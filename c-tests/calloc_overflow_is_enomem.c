// calloc whose product overflows, or can't be had, returns NULL with ENOMEM; of nothing it returns a block.
#include "test.h"

int main(void) {
    size_t pairs[][2] = {{SIZE_MAX, 2},      {2, SIZE_MAX},        {SIZE_MAX, SIZE_MAX},
                         {1ul << 32, 1ul << 32}, {SIZE_MAX / 2 + 1, 2}, {1, SIZE_MAX},
                         {1, (size_t)PTRDIFF_MAX + 1}, {1ul << 40, 1ul << 10}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        errno = 0;
        CHECK(calloc(pairs[i][0], pairs[i][1]) == NULL && errno == ENOMEM);
    }
    void *p = calloc(0, 5), *q = calloc(5, 0);
    CHECK(p && q && p != q);
    free(p), free(q);
    return 0;
}
