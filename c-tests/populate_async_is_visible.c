// A rule populate=async makes memory resident that the program does not touch, by a thread named faultless that ends
// when it has nothing to do and comes back when it has.
// policy: anon@1M:populate=async
// policy: anon@1M:huge+populate=async
// page: rule1.regions = 3, rule1.applied = 3, rule1.skipped = 0, populated_bytes >= 201326592, own_threads >= 2
#include "test.h"
#include "smaps.h"
#include "crew.h"

int main(void) {
    size_t n = MIB(64) + PAGE;
    for (int i = 0; i < 3; i++) {
        char *p = map(n);
        if (under_shim()) {
            EVENTUALLY(resident(p, n) > 0);
            // One that has populated something has its name.
            int ours = threads_named("faultless\n");
            CHECK(threads() <= 1 + ours);
            EVENTUALLY(resident(p, n) == n);
            EVENTUALLY(threads() == 1);
        }
        CHECK(is_zero(p, n) && munmap(p, n) == 0);
    }
    return 0;
}
