// A program that FAULTLESS_SKIP names is left alone.
// env: FAULTLESS_SKIP=other,skipped_program_is_*
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
