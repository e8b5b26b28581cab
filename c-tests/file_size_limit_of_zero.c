// Under RLIMIT_FSIZE=0 a counter page can't be made: that is no SIGXFSZ for the program.
// limit: fsize=0
// env: FAULTLESS_REPORT=json=report.json
// pages: may be missing
#include "test.h"

int main(void) {
    char *p = map(MIB(4)), *q = malloc(MIB(4));
    fill(p, MIB(4), 1), fill(q, MIB(4), 2);
    CHECK(holds(p, MIB(4), 1) && holds(q, MIB(4), 2));
    pid_t pid = fork();
    if (pid == 0) {
        free(q);
        exit(munmap(map(MIB(4)), MIB(4)));
    }
    ends_well(pid);
    return 0;
}
