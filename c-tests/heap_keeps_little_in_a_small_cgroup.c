// In a memory cgroup, what a heap keeps of freed memory leaves room for a mapping of nearly all that there is.
// policy: throughput
// policy: heap:huge
// serial: a cgroup of its own
#include "test.h"
#include "group.h"

static void work(int how) {
    enum { BLOCKS = 40000 };
    static char *small[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        CHECK((small[i] = malloc(4000)));
        memset(small[i], 1, 4000);
    }
    for (int i = BLOCKS; i-- > 0;) free(small[i]);
    usleep(200000);
    memset(how ? malloc(MIB(220)) : map(MIB(220)), 1, MIB(220));
}

int main(void) {
    group_make("256M");
    int status[2];
    for (int how = 0; how < 2; how++) status[how] = group_run(work, how);
    group_remove();
    for (int how = 0; how < 2; how++) CHECK(status[how] == 0);
    return 0;
}
