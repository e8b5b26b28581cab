// malloc_usable_size is at least what was asked for, and all of it can be written to without harm to a neighbour.
#include "test.h"
#include <malloc.h>

int main(void) {
    CHECK(malloc_usable_size(NULL) == 0);
    for (size_t n = 1; n <= MIB(8); n = n * 3 / 2 + 7) {
        unsigned char *blocks[5] = {malloc(n), calloc(1, n), memalign(64, n), memalign(8192, n), realloc(malloc(10), n)};
        for (int i = 0; i < 5; i++) {
            CHECK(blocks[i] && malloc_usable_size(blocks[i]) >= n);
            memset(blocks[i], i + 1, malloc_usable_size(blocks[i]));
        }
        for (int i = 0; i < 5; i++) {
            size_t usable = malloc_usable_size(blocks[i]);
            CHECK(blocks[i][0] == i + 1 && memcmp(blocks[i], blocks[i] + 1, usable - 1) == 0);
            free(blocks[i]);
        }
    }
    return 0;
}
