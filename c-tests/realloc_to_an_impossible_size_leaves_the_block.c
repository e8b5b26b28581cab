// realloc to a size that can't be had returns NULL with ENOMEM and leaves the block as it was.
#include "test.h"

int main(void) {
    size_t sizes[] = {100, KIB(64), KIB(200), MIB(1), MIB(5)};
    size_t wanted[] = {SIZE_MAX, SIZE_MAX - 4096, (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX, (size_t)1 << 47, (size_t)1 << 60};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *p = malloc(sizes[i]);
        fill(p, sizes[i], 3);
        for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++) {
            errno = 0;
            CHECK(realloc(p, wanted[j]) == NULL && errno == ENOMEM && holds(p, sizes[i], 3));
            CHECK(reallocarray(p, wanted[j], 16) == NULL && errno == ENOMEM && holds(p, sizes[i], 3));
        }
        free(p);
    }
    return 0;
}
