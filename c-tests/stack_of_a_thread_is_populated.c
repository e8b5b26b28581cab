// A rule stack:populate makes the whole stack of a thread resident before its function begins, and that of each next one.
// policy: stack:populate
// page: rule1.regions >= 4, rule1.applied >= 4, rule1.failed = 0
#include "test.h"
#include "smaps.h"
#include "threads.h"

static void *looks(void *arg) {
    size_t n;
    char *p = own_stack(&n);
    if (under_shim()) CHECK(resident(p, n) == n);
    return arg;
}

int main(void) {
    for (uintptr_t i = 1; i <= 3; i++) CHECK(in_a_thread(looks, (void *)i) == (void *)i);
    return 0;
}
