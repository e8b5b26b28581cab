// calloc gives zeroes also where a block was that had been written to and freed, up to what malloc_usable_size says.
#include "test.h"
#include <malloc.h>

int main(void) {
    for (size_t n = 100; n <= MIB(16); n = n * 2 + 1000) {
        for (int round = 0; round < 3; round++) {
            unsigned char *p = malloc(n);
            CHECK(p != NULL);
            memset(p, 0xa5, malloc_usable_size(p));
            free(p);
            p = calloc(round ? 1 : n, round ? n : 1);
            CHECK(p != NULL && is_zero(p, malloc_usable_size(p)));
            memset(p, 0x5a, n);
            free(p);
        }
    }
    return 0;
}
