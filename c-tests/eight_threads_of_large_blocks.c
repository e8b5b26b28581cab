// Eight threads allocate, grow, exchange and free large blocks, and each finds its content.
// serial: memory
#include "test.h"
#include <stdatomic.h>

static char *_Atomic handed[32];

static void *work(void *seed) {
    unsigned s = (unsigned)(uintptr_t)seed * 2654435761u;
    for (int i = 0; i < 60; i++) {
        s = s * 1103515245 + 12345;
        size_t n = KIB(64) + (s >> 8) % MIB(3);
        char *p = i % 4 ? malloc(n) : calloc(1, n);
        CHECK(p && (i % 4 || is_zero(p, n)));
        *(size_t *)p = n;
        fill(p + 8, n - 8, 7);
        if (i % 5 == 0) {
            p = realloc(p, n * 2);
            CHECK(p && holds(p + 8, n - 8, 7));
        }
        // the block is left to whoever comes by; the one that was there is ours to check and free
        char *other = atomic_exchange(&handed[s % 32], p);
        if (other) CHECK(holds(other + 8, *(size_t *)other - 8, 7));
        free(other);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)(intptr_t)(i + 1)) == 0);
    for (int i = 0; i < 8; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < 32; i++) free(handed[i]);
    return 0;
}
