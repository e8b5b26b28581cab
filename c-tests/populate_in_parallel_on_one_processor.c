// Where the program may run on one processor only, nobody helps it to populate.
// policy: anon@128M:populate
// page: rule1.applied = 1, own_threads = 0
// serial: takes 256 MiB
#include "test.h"
#include "smaps.h"
#include "crew.h"

int main(void) {
    if (available_kb() < 1 << 20) SKIP("less than 1 GiB of memory");
    cpu_set_t set;
    CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
    for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set) && seen++) CPU_CLR(cpu, &set);
    CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
    char *p = map(MIB(256));
    if (under_shim()) CHECK(resident(p, MIB(256)) == MIB(256));
    CHECK(munmap(p, MIB(256)) == 0);
    return 0;
}
