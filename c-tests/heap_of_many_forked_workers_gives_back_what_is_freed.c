// Workers that were forked once their parent's heap had grown keep, all together, no more than retain-max of what they
// free.
// env: FAULTLESS_RETAIN_MAX=64M
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    size_t *kept = (size_t *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ready[2], go[2];
    char byte;
    CHECK(kept != MAP_FAILED && pipe(ready) == 0 && pipe(go) == 0);
    blocks_of(MIB(4), 1000);
    pid_t pids[6];
    for (int i = 0; i < 6; i++) {
        if ((pids[i] = fork()) != 0) continue;
        close(go[1]);
        size_t before = all_of("Rss");
        blocks_gone(blocks_of(MIB(30), 1000));
        size_t after = all_of("Rss");
        kept[i] = after > before ? after - before : 0;
        CHECK(write(ready[1], "", 1) == 1 && read(go[0], &byte, 1) == 0);
        exit(0);
    }
    for (int i = 0; i < 6; i++) CHECK(read(ready[0], &byte, 1) == 1);
    size_t sum = 0;
    for (int i = 0; i < 6; i++) sum += kept[i];
    close(go[1]);
    for (int i = 0; i < 6; i++) ends_well(pids[i]);
    CHECK(sum < MIB(64) + 6 * MIB(1));
    return 0;
}
