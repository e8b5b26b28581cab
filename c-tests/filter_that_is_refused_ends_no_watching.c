// A program that asks for a filter without one, to learn whether the kernel knows filters, gets its EFAULT, and its mapping
// is watched as before.
// policy: file@1M:drop-behind
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include "seccomp.h"

int main(void) {
    char *p = watched("file", MIB(8), 1);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == -1);
    printf("%d\n", errno);
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) == -1);
    printf("%d\n", errno);
    if (under_shim()) EVENTUALLY(watchers() == 1);
    char *q = watched("other file", MIB(8), 2);
    CHECK(holds(p, MIB(8), 1) && holds(q, MIB(8), 2));
    return 0;
}
