// What is kept goes before a fork: a child does not inherit it, and its parent does not wait for the page tables to be copied.
// policy: malloc@1M:recycle
// policy: throughput
#include "test.h"
#include "statm.h"

int main(void) {
    size_t before = resident_now();
    char *p = malloc(MIB(100));
    CHECK(p);
    memset(p, 1, MIB(100));
    free(p);
    pid_t pid = fork();
    if (pid == 0) _exit(resident_now() < before + MIB(20) ? 0 : 1);
    ends_well(pid);
    CHECK(resident_now() < before + MIB(20));
    return 0;
}
