// Code whose place in memory does not fit its place in the file can have no huge page: a rule for them is partly done.
// policy: text:huge
// policy: text:huge=collapse
// cflags: -no-pie -Wl,-Ttext-segment=0x401000
// page: rule1.applied = 0, rule1.partly = 1, rule1.failed = 0
#include "test.h"

__asm__(".text\n.fill 6291456, 1, 0x90\n");

int main(void) { return 0; }
