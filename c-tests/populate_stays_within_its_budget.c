// With populate-max 16M no more than that is populated ahead, and mappings that are gone give their share back.
// policy: anon@1M:populate
// env: FAULTLESS_POPULATE_MAX=16M
// page: rule1.partly >= 1, rule1.applied >= 8
#include "test.h"
#include "smaps.h"

int main(void) {
    char *p = map(MIB(128));
    if (under_shim()) CHECK(resident(p, MIB(128)) <= MIB(16) && resident(p, MIB(128)) >= MIB(8));
    CHECK(munmap(p, MIB(128)) == 0);
    for (int i = 0; i < 8; i++) {
        p = map(MIB(12));
        if (under_shim()) CHECK(resident(p, MIB(12)) == MIB(12));
        CHECK(munmap(p, MIB(12)) == 0);
    }
    return 0;
}
