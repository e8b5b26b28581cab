// A rule stack:populate=256K populates the part of a thread's stack that is used first, its end, and no more.
// policy: stack:populate=256K
// page: rule1.regions >= 2, rule1.failed = 0
#include "test.h"
#include "smaps.h"
#include "threads.h"

static void *looks(void *arg) {
    size_t n;
    char *p = own_stack(&n);
    if (under_shim()) CHECK(resident(p + n - KIB(256), KIB(256)) == KIB(256));
    CHECK(resident(p, n - KIB(512)) == 0);
    return arg;
}

int main(void) { return in_a_thread(looks, NULL) != NULL; }
