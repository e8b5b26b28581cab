// A MAP_GROWSDOWN mapping grows as it does without us, and is neither locked nor populated.
// limit: memlock=1M
#include "test.h"
#include "smaps.h"

int main(void) {
    char *room = mmap(NULL, MIB(64), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED && munmap(room, MIB(64)) == 0);
    char *top = room + MIB(60);
    char *p = mmap(top, KIB(256), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    CHECK(p == top);
    CHECK(smaps_flagged(p, KIB(256), "lo") == 0 && smaps_flagged(p, KIB(256), "hg") == 0);
    for (size_t down = 0; down < MIB(4); down += PAGE) top[KIB(256) - 1 - down] = 1;
    CHECK(top[KIB(256) - MIB(3) - 1] == 1);
    return 0;
}
