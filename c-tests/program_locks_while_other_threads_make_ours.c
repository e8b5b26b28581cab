// The program's own mlock and MADV_DONTNEED succeed at any moment, while other threads make blocks that rules lock and free them.
// limit: memlock=5M
// policy: malloc@64K:lock
#include "test.h"
#include <stdatomic.h>

static atomic_int over;

static void *blocks(void *unused) {
    while (!over) {
        char *block = malloc(MIB(1));
        CHECK(block);
        block[0] = 1;
        CHECK(madvise((void *)(((uintptr_t)block + 4095) & -4096ul), KIB(64), MADV_DONTNEED) == 0);
        free(block);
    }
    return unused;
}

int main(void) {
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, blocks, NULL) == 0);
    char *mine = map(MIB(4));
    for (int i = 0; i < 300; i++) {
        CHECK(mlock(mine, MIB(4)) == 0);
        CHECK(munlock(mine, MIB(4)) == 0);
    }
    over = 1;
    for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
