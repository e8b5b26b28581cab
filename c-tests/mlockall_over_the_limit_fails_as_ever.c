// mlockall fails with ENOMEM where the process is larger than RLIMIT_MEMLOCK, and EPERM where that is 0; afterwards
// everything goes on.
// limit: memlock=1M
#include "test.h"
#include <sys/resource.h>

int main(void) {
    char *p = map(MIB(8));
    p[0] = 1;
    CHECK(mlockall(MCL_CURRENT) == -1 && errno == ENOMEM);
    struct rlimit none = {0, 0};
    CHECK(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
    CHECK(mlockall(MCL_CURRENT) == -1 && errno == EPERM);
    CHECK(mlock(p, PAGE) == -1 && errno == EPERM);
    char *q = map(MIB(8)), *r = malloc(MIB(8));
    CHECK(r != NULL);
    fill(q, MIB(8), 1), fill(r, MIB(8), 2);
    CHECK(holds(q, MIB(8), 1) && holds(r, MIB(8), 2) && munmap(q, MIB(8)) == 0);
    free(r);
    return 0;
}
