// What a program has in .bss is memory like any other to a rule for any, and to no other: on huge pages, when it is touched.
// policy: any:huge
// policy: anon:huge
// page [any:huge]: rule1.applied >= 1
// page [anon:huge]: rule1.regions = 0
#include "test.h"
#include "smaps.h"

static char memory[16 << 20];

int main(void) {
    memset(memory, 1, sizeof memory);
    char *from = (char *)(((uintptr_t)memory + MIB(2) - 1) & -MIB(2));
    size_t kb = smaps_kb(from, MIB(12), "AnonHugePages");
    if (policy_has("any:huge") && thp_possible()) CHECK(kb >= 8192);
    return 0;
}
