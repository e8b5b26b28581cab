// A child made by the bare clone syscall, of which no fork handler hears, maps, allocates and frees what its parent
// allocated; the parent's page is its own.
// page: end = exit
#include "test.h"
#include <sys/syscall.h>

int main(void) {
    char *block = malloc(MIB(2)), *mapping = map(MIB(2));
    fill(block, MIB(2), 1), fill(mapping, MIB(2), 2);
    for (int i = 0; i < 10; i++) {
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if (pid == 0) {
            char *p = map(MIB(4)), *q = malloc(MIB(4));
            CHECK(q != NULL);
            fill(p, MIB(4), 3), fill(q, MIB(4), 4);
            CHECK(holds(block, MIB(2), 1) && holds(mapping, MIB(2), 2));
            block = realloc(block, MIB(3));
            CHECK(block != NULL && holds(block, MIB(2), 1));
            free(block);
            CHECK(holds(p, MIB(4), 3) && holds(q, MIB(4), 4));
            free(q);
            CHECK(munmap(p, MIB(4)) == 0 && munmap(mapping, MIB(2)) == 0);
            _exit(0);
        }
        ends_well(pid);
    }
    CHECK(holds(block, MIB(2), 1) && holds(mapping, MIB(2), 2));
    free(block);
    return 0;
}
