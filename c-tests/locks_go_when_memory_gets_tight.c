// In a memory cgroup in which what a rule locked leaves too little for what the program takes next, the lock goes, and the
// program is not killed for want of memory.
// policy: file@32M:lock
// policy: any@32M:lock
// serial: a cgroup of its own
#include "test.h"
#include "group.h"
#include "smaps.h"

static void work(int how) {
    (void)how;
    int fd = file_of("locked", MIB(64), 1);
    char *p = mmap(NULL, MIB(64), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    if (under_shim()) CHECK(smaps_flagged(p, MIB(64), "lo") == MIB(64));
    char *more[130];
    for (int i = 0; i < 130; i++) {
        more[i] = malloc(MIB(1));
        CHECK(more[i]);
        memset(more[i], i, MIB(1));
        usleep(2000);
    }
    CHECK(smaps_flagged(p, MIB(64), "lo") == 0 && holds(p, MIB(64), 1));
}

int main(void) {
    group_make("170M");
    int status = group_run(work, 0);
    group_remove();
    CHECK(status == 0);
    return 0;
}
