// Blocks outlive the thread that allocated them, and are freed by another; keys' destructors allocate and free too.
#include "test.h"

static pthread_key_t key;

static void destructor(void *block) {
    CHECK(holds(block, MIB(1), 3));
    free(block);
    free(malloc(MIB(2)));
}

static void *work(void *seed) {
    char *kept = malloc(MIB(1)), *own = malloc(MIB(2));
    fill(kept, MIB(1), 3);
    fill(own, MIB(2), (unsigned)(uintptr_t)seed);
    CHECK(pthread_setspecific(key, kept) == 0);
    return own;
}

int main(void) {
    CHECK(pthread_key_create(&key, destructor) == 0);
    for (int i = 0; i < 15; i++) {
        pthread_t thread;
        void *block;
        CHECK(pthread_create(&thread, NULL, work, (void *)(intptr_t)i) == 0 && pthread_join(thread, &block) == 0);
        CHECK(holds(block, MIB(2), i));
        free(block);
    }
    return 0;
}
