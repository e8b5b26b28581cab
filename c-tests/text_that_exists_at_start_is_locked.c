// A rule for text reaches what is mapped before any hook can see it: the program's own code is locked and resident.
// policy: text:populate+lock
// page: rule1.regions >= 1, rule1.applied >= 1, locked_bytes > 0
#include "test.h"
#include "smaps.h"

int main(void) {
    char *code = (char *)((uintptr_t)main & -PAGE);
    if (under_shim()) CHECK(smaps_flagged(code, PAGE, "lo") == PAGE && resident(code, PAGE) == PAGE);
    return 0;
}
