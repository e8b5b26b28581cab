// What the program has left out of core files stays out, also where a rule had left the whole mapping out and the program then
// wants another part of it in.
// policy: anon:dontdump
// policy: shm:dontdump
#include "test.h"
#include "smaps.h"

int main(void) {
    for (int how = 0; how < 2; how++) {
        char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | (how ? MAP_SHARED : MAP_PRIVATE), -1, 0);
        CHECK(p != MAP_FAILED);
        CHECK(madvise(p + 8 * PAGE, PAGE, MADV_DONTDUMP) == 0 && madvise(p + 32 * PAGE, PAGE, MADV_DODUMP) == 0);
        CHECK(smaps_flagged(p + 8 * PAGE, PAGE, "dd") == PAGE && smaps_flagged(p + 32 * PAGE, PAGE, "dd") == 0);
        CHECK(munmap(p, 64 * PAGE) == 0);
    }
    return 0;
}
