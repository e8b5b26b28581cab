// A range of a reservation that is made writable and read-only by turns counts as one region, not as one each time.
// page: regions_ruled < 100
// page [throughput]: regions_ruled >= 1
#include "test.h"

int main(void) {
    char *p = mmap(NULL, MIB(64), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED);
    for (int i = 0; i < 5000; i++) {
        CHECK(mprotect(p, MIB(4), PROT_READ | PROT_WRITE) == 0);
        p[0] = (char)i;
        CHECK(mprotect(p, MIB(4), PROT_READ) == 0 && p[0] == (char)i);
    }
    return 0;
}
