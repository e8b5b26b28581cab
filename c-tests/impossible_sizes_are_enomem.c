// Sizes that can't be had give NULL and ENOMEM, from every function of the malloc family.
#include "test.h"
#include <malloc.h>

#define REFUSED(call) CHECK((errno = 0, call) == NULL && errno == ENOMEM)

int main(void) {
    size_t sizes[] = {(size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX, SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 4095, SIZE_MAX - MIB(2),
                      (size_t)1 << 47, (size_t)1 << 55};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *p = (void *)1;
        REFUSED(malloc(sizes[i]));
        REFUSED(calloc(1, sizes[i]));
        REFUSED(realloc(NULL, sizes[i]));
        REFUSED(memalign(64, sizes[i]));
        REFUSED(memalign(MIB(4), sizes[i]));
        REFUSED(aligned_alloc(64, sizes[i]));
        REFUSED(valloc(sizes[i]));
        REFUSED(pvalloc(sizes[i]));
        CHECK(posix_memalign(&p, MIB(4), sizes[i]) == ENOMEM && p == (void *)1);
    }
    return 0;
}
