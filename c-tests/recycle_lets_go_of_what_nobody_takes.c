// A block that nobody has taken for ten seconds goes at the next slow path.
// policy: malloc@1M:recycle
// page: retain_now = 0
#include "test.h"
#include "statm.h"

int main(void) {
    size_t before = resident_now();
    char *p = malloc(MIB(100));
    CHECK(p);
    memset(p, 1, MIB(100));
    free(p);
    sleep(13);
    for (int i = 0; i < 100; i++) CHECK(malloc(1000)); // more than the 64 KiB after which malloc looks
    CHECK(resident_now() < before + MIB(20));
    return 0;
}
