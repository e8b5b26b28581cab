// A process that runs one program after the other in its place gives back what each had locked: every image may lock
// as much as the first.
// policy: anon@1M:lock
// env: FAULTLESS_LOCK_MAX=3M
// page: end = exec
// some page: end = exit, locked_bytes >= 2097152
#include "test.h"
#include "smaps.h"

int main(int argc, char **argv) {
    int image = argc > 1 ? atoi(argv[1]) : 0;
    char *p = map(MIB(2)), next[16];
    if (under_shim()) CHECK(smaps_flagged(p, MIB(2), "lo") == MIB(2));
    if (image == 5) return 0;
    snprintf(next, sizeof next, "%d", image + 1);
    execl("/proc/self/exe", argv[0], next, (char *)NULL);
    return 1;
}
