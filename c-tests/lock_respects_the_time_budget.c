// A lock makes its pages resident just as populate does, so populate-time-max bounds it too: with 1 ms to spend, 1 GiB
// is not locked whole.
// policy: anon@1M:lock
// policy: anon@1M:populate+lock
// env: FAULTLESS_POPULATE_TIME_MAX=1ms
// serial: memory
// page: rule1.regions >= 1, rule1.applied = 0
#include "test.h"
#include "smaps.h"

int main(void) {
    if (available_kb() < 3u << 20) SKIP("less than 3 GiB of memory available");
    char *p = map(GIB(1));
    if (under_shim()) CHECK(resident(p, GIB(1)) < GIB(1));
    CHECK(munmap(p, GIB(1)) == 0);
    return 0;
}
