// A rule text:huge asks for huge pages where the code lies, if its place in memory fits its place in the file.
// policy: text:huge
// cflags: -no-pie -Wl,-z,max-page-size=0x200000
// page: rule1.applied = 1, rule1.partly = 0, rule1.failed = 0
#include "test.h"
#include "smaps.h"

__asm__(".text\n.fill 6291456, 1, 0x90\n");

int main(void) {
    char *code = (char *)((uintptr_t)main & -PAGE);
    if (under_shim() && thp_possible()) CHECK(smaps_flagged(code, PAGE, "hg") == PAGE);
    return 0;
}
