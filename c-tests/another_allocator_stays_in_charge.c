// jemalloc, mimalloc or tcmalloc, preloaded ahead of the shim or behind it, and the shim live in one process: blocks
// of every size, threads, fork.
// preload: libjemalloc.so.2 libmimalloc.so.2.0 libtcmalloc_minimal.so.4
// policy: observe
// policy: latency
// policy: everything
#include "test.h"
#include <malloc.h>

static void *work(void *seed) {
    unsigned s = (unsigned)(uintptr_t)seed;
    char *blocks[64] = {0};
    size_t sizes[64] = {0};
    for (int i = 0; i < 400; i++) {
        int slot = (i * 7 + s) % 64;
        CHECK(!blocks[slot] || holds(blocks[slot], sizes[slot], slot));
        size_t n = i % 8 == 0 ? MIB(2) + i * 1000 : i % 8 == 1 ? KIB(64) + i * 64 : (size_t)(16 + i);
        if (i % 3 == 0) {
            char *p = realloc(blocks[slot], n);
            CHECK(p && (!blocks[slot] || holds(p, n < sizes[slot] ? n : sizes[slot], slot)));
            blocks[slot] = p;
        } else {
            free(blocks[slot]);
            blocks[slot] = i % 3 == 1 ? malloc(n) : aligned_alloc(4096, (n + 4095) & ~4095ul);
        }
        CHECK(blocks[slot] && malloc_usable_size(blocks[slot]) >= n);
        fill(blocks[slot], n, slot);
        sizes[slot] = n;
    }
    for (int i = 0; i < 64; i++) free(blocks[i]);
    return NULL;
}

int main(void) {
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    char *kept = malloc(MIB(3));
    fill(kept, MIB(3), 9);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(holds(kept, MIB(3), 9));
        free(kept);
        work((void *)5);
        exit(0);
    }
    ends_well(pid);
    CHECK(holds(kept, MIB(3), 9));
    free(kept);
    return 0;
}
