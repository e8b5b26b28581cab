// At vm.max_map_count no further mapping can be had: blocks keep their content through a realloc that can't be had,
// frees work, and afterwards everything is as before.
// serial: memory
#include "test.h"

int main(void) {
    static char *maps[200000];
    char *before = malloc(MIB(4));
    fill(before, MIB(4), 1);
    int n = 0;
    // neighbours of another protection can't be merged into one
    while (n < 200000) {
        char *p = mmap(NULL, PAGE, n % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) break;
        maps[n++] = p;
    }
    if (n == 200000) SKIP("vm.max_map_count is too large to be reached");
    char *grown = realloc(before, MIB(64)), *block = malloc(MIB(4));
    if (grown) before = grown;
    CHECK(holds(before, MIB(4), 1));
    if (block) fill(block, MIB(4), 2);
    CHECK(holds(before, MIB(4), 1));
    free(block), free(before);
    while (n--) CHECK(munmap(maps[n], PAGE) == 0);
    block = malloc(MIB(4));
    CHECK(block != NULL && munmap(map(MIB(4)), MIB(4)) == 0);
    free(block);
    return 0;
}
