// A block in which the program has protected a page cannot be moved by the kernel and is copied: its content is kept,
// and no address space is left behind. The sizes are ones that glibc too always maps.
#include "test.h"
#include "statm.h"

int main(void) {
    size_t before = mapped_now();
    for (int i = 0; i < 20; i++) {
        char *p = malloc(MIB(40));
        CHECK(p != NULL);
        fill(p, MIB(1), i);
        CHECK(mprotect((char *)(((uintptr_t)p + 2 * PAGE) & -PAGE), PAGE, PROT_READ) == 0);
        char *q = realloc(p, MIB(80));
        CHECK(q != NULL && holds(q, MIB(1), i));
        free(q);
    }
    CHECK(mapped_now() < before + MIB(200));
    return 0;
}
