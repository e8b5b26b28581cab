// What is kept goes before a fork: a child does not inherit it, and its parent does not wait for the page tables to be copied.
// policy: malloc@1M:recycle
// policy: throughput
#include "test.h"

static size_t resident(void) {
    FILE *f = fopen("/proc/self/statm", "re");
    size_t size, pages = 0;
    CHECK(f && fscanf(f, "%zu %zu", &size, &pages) == 2);
    fclose(f);
    return pages * PAGE;
}

int main(void) {
    size_t before = resident();
    char *p = malloc(MIB(100));
    CHECK(p);
    memset(p, 1, MIB(100));
    free(p);
    pid_t pid = fork();
    if (pid == 0) _exit(resident() < before + MIB(20) ? 0 : 1);
    ends_well(pid);
    CHECK(resident() < before + MIB(20));
    return 0;
}
