// With FAULTLESS_DISABLE=1 nothing is done, and the page, if there is one, says so.
// env: FAULTLESS_DISABLE=1
// pages: may be missing
#include "test.h"
#include "smaps.h"

int main(void) {
    char *p = map(MIB(8)), *q = malloc(MIB(8));
    CHECK(resident(p, MIB(8)) == 0 && smaps_flagged(p, MIB(8), "lo") == 0 && smaps_flagged(p, MIB(8), "hg") == 0);
    fill(q, MIB(8), 1);
    CHECK(holds(q, MIB(8), 1));
    free(q);
    return 0;
}
