// Where a program asks for an address (hint, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_32BIT) it gets what the kernel gives.
#include "test.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

int main(void) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    for (int i = 0; i < 10; i++) {
        char *room = map(MIB(64)), *hint = room + MIB(3) + i * PAGE;
        CHECK(munmap(room, MIB(64)) == 0);
        CHECK(mmap(hint, MIB(8), PROT_READ | PROT_WRITE, flags, -1, 0) == hint);
        CHECK(mmap(hint + MIB(20), MIB(8), PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0) == hint + MIB(20));
        errno = 0;
        CHECK(mmap(hint, MIB(8), PROT_READ, flags | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
        fill(hint, MIB(8), i);
        CHECK(mmap(hint + MIB(1), MIB(1), PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0) == hint + MIB(1));
        CHECK(holds(hint, MIB(1), i) && is_zero(hint + MIB(1), MIB(1)) && munmap(hint, MIB(64) - MIB(5)) == 0);
#ifdef MAP_32BIT
        char *low = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, flags | MAP_32BIT, -1, 0);
        CHECK(low != MAP_FAILED && (uintptr_t)low < (size_t)1 << 31 && munmap(low, MIB(4)) == 0);
#endif
    }
    return 0;
}
