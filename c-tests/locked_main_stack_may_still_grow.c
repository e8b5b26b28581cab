// The main stack grows to its limit, also where a rule has locked it and RLIMIT_MEMLOCK is smaller: the kernel refuses
// growth of a locked stack by SIGSEGV.
// limit: memlock=1M
#include "test.h"

static int deep(int levels) {
    char here[KIB(64)];
    memset(here, levels, sizeof here);
    return levels == 0 ? here[5] : deep(levels - 1) + here[7];
}

int main(void) { return deep(90) == 12345; }
