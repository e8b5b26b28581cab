// With no descriptor left (RLIMIT_NOFILE as low as the loader bears) the program runs as without the shim.
// limit: nofile=4
// env: FAULTLESS_REPORT=json=report.json
// pages: may be missing
#include "test.h"

int main(void) {
    char *p = map(MIB(4)), *q = malloc(MIB(4));
    CHECK(dup(0) == 3 && dup(0) == -1 && errno == EMFILE);
    fill(p, MIB(4), 1), fill(q, MIB(4), 2);
    CHECK(holds(p, MIB(4), 1) && holds(q, MIB(4), 2));
    CHECK(munmap(p, MIB(4)) == 0);
    free(q);
    pid_t pid = fork();
    if (pid == 0) exit(munmap(map(MIB(4)), MIB(4)));
    ends_well(pid);
    return 0;
}
