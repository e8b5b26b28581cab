// Where PR_SET_THP_DISABLE has turned huge pages off for the process, rules for them are reported as skipped.
// policy: anon@2M:huge
// page: rule1.regions = 1, rule1.applied = 0, rule1.skipped = 1
#include "test.h"
#include "smaps.h"
#include <sys/prctl.h>

int main(void) {
    CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
    char *p = map(MIB(8));
    memset(p, 1, MIB(8));
    CHECK(smaps_kb(p, MIB(8), "AnonHugePages") == 0 && munmap(p, MIB(8)) == 0);
    return 0;
}
