// A library's own constructor, which runs before the shim's, maps, protects, advises and moves memory; main uses
// it further and unmaps it.
// build: early.so -shared -fPIC -DLIBRARY
// cflags: -L. -l:early.so -Wl,-rpath,$ORIGIN
#include "test.h"

#ifdef LIBRARY
char *early;
__attribute__((constructor)) static void use_memory(void) {
    early = map(MIB(8));
    fill(early, MIB(8), 1);
    CHECK(mprotect(early, MIB(1), PROT_READ) == 0 && mprotect(early, MIB(1), PROT_READ | PROT_WRITE) == 0);
    CHECK(madvise(early + MIB(4), MIB(1), MADV_DONTNEED) == 0);
    CHECK(mlock(early, PAGE) == 0 && munlock(early, PAGE) == 0);
    early = mremap(early, MIB(8), MIB(16), MREMAP_MAYMOVE);
    CHECK(early != MAP_FAILED);
    for (int i = 0; i < 200; i++) CHECK(munmap(map(KIB(64) + i * PAGE), KIB(64) + i * PAGE) == 0);
}
#else
extern char *early;
int main(void) {
    CHECK(holds(early, MIB(4), 1));
    CHECK(is_zero(early + MIB(4), MIB(1)) && is_zero(early + MIB(8), MIB(8)));
    fill(early, MIB(16), 2);
    CHECK(holds(early, MIB(16), 2) && munmap(early, MIB(16)) == 0);
    return 0;
}
#endif
