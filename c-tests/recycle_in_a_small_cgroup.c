// In a memory cgroup with room for one block and no more, a program that frees each before it takes the next, larger one is
// not killed for want of memory.
// policy: malloc@1M:recycle
// policy: throughput
// serial: a cgroup of its own
#include "test.h"
#include "group.h"

static void use(size_t n) {
    char *p = malloc(n);
    CHECK(p);
    memset(p, 1, n);
    free(p);
}

static void work(int how) {
    if (how == 0) {
        for (size_t i = 0; i < 3; i++) use(MIB(150) + i * MIB(50));
    } else if (how == 1) { // what is kept, and then a mapping
        use(MIB(100)), use(MIB(80));
        memset(map(MIB(250)), 1, MIB(250));
    } else { // and then small blocks
        use(MIB(100)), use(MIB(80));
        for (int i = 0; i < 250000; i++) {
            char *p = malloc(1000);
            CHECK(p);
            *p = 1;
            if (i == 100000) usleep(150000); // what is known of the group by then is old
        }
    }
}

int main(void) {
    group_make("300M");
    int status[3];
    for (int how = 0; how < 3; how++) status[how] = group_run(work, how);
    group_remove();
    for (int how = 0; how < 3; how++) CHECK(status[how] == 0);
    return 0;
}
