// Eight threads that make threads at once: each that is made runs its own function with its own argument, once.
// policy: stack:populate=64K+lock+dontdump
// policy: latency
#include "test.h"

static uint64_t sum;
static void *adds(void *arg) {
    __atomic_fetch_add(&sum, (uintptr_t)arg, __ATOMIC_RELAXED);
    return NULL;
}
static void *makes(void *arg) {
    for (uintptr_t i = 0; i < 200; i++) {
        pthread_t t;
        CHECK(pthread_create(&t, NULL, adds, (void *)((uintptr_t)arg * 1000 + i)) == 0);
        if (i % 2) CHECK(pthread_join(t, NULL) == 0);
        else CHECK(pthread_detach(t) == 0);
    }
    return NULL;
}

int main(void) {
    pthread_attr_t small; // to lock 1600 stacks of 8 MiB would take a while
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, KIB(256)) == 0);
    CHECK(pthread_setattr_default_np(&small) == 0);
    pthread_t t[8];
    uint64_t wanted = 0;
    for (uintptr_t i = 0; i < 8; i++) CHECK(pthread_create(&t[i], NULL, makes, (void *)i) == 0);
    for (int i = 0; i < 8; i++) CHECK(pthread_join(t[i], NULL) == 0);
    for (uint64_t i = 0; i < 8; i++) wanted += 200 * i * 1000 + 199 * 200 / 2;
    for (int i = 0; i < 10000 && __atomic_load_n(&sum, __ATOMIC_RELAXED) != wanted; i++) usleep(1000);
    CHECK(sum == wanted);
    return 0;
}
