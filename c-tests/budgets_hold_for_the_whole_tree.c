// Children share the parent's lock-max: together they lock no more than it.
// policy: anon@1M:lock
// env: FAULTLESS_LOCK_MAX=8M
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t *locked = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ready[2], go[2];
    char byte;
    CHECK(locked != MAP_FAILED && pipe(ready) == 0 && pipe(go) == 0);
    pid_t pids[4];
    for (int i = 0; i < 4; i++) {
        if ((pids[i] = fork()) != 0) continue;
        close(go[1]);
        char *p = map(MIB(6));
        locked[i] = smaps_flagged(p, MIB(6), "lo");
        CHECK(write(ready[1], "", 1) == 1 && read(go[0], &byte, 1) == 0);
        exit(0);
    }
    size_t sum = 0;
    for (int i = 0; i < 4; i++) CHECK(read(ready[0], &byte, 1) == 1);
    for (int i = 0; i < 4; i++) sum += locked[i];
    close(go[1]);
    for (int i = 0; i < 4; i++) ends_well(pids[i]);
    CHECK(sum <= MIB(8));
    if (under_shim()) CHECK(sum >= MIB(1));
    return 0;
}
