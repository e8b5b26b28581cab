// Threads on stacks that the program gives them, on the smallest, without a guard, detached: each runs its function with its
// argument, and may use its stack down to the guard; memory next to a stack that the program gave is left alone.
// policy: stack:populate+lock+huge
// policy: any:populate+lock
// policy: stack:nohuge+dontdump
#include "test.h"
#include "smaps.h"
#include "threads.h"
#include <limits.h>

static int deep(int levels) {
    volatile int here[256];
    here[0] = levels;
    return levels == 0 ? here[0] : deep(levels - 1) + here[0] - levels;
}
static void *uses(void *levels) { return (void *)(uintptr_t)(deep((int)(uintptr_t)levels) + 1); }
static int done;
static void *detached(void *arg) {
    __atomic_fetch_add(&done, (int)(uintptr_t)arg, __ATOMIC_RELEASE);
    return NULL;
}

static void run(pthread_attr_t *a, int levels) {
    pthread_t t;
    void *result;
    CHECK(pthread_create(&t, a, uses, (void *)(uintptr_t)levels) == 0);
    CHECK(pthread_join(t, &result) == 0 && result == (void *)1);
}

int main(void) {
    pthread_attr_t a;
    CHECK(pthread_attr_init(&a) == 0);
    run(&a, 6000);
    CHECK(pthread_attr_setguardsize(&a, 0) == 0);
    run(&a, 6000);
    CHECK(pthread_attr_setstacksize(&a, PTHREAD_STACK_MIN) == 0);
    run(&a, 2);
    CHECK(pthread_attr_setstacksize(&a, KIB(64)) == 0);
    run(&a, 20);
    char *p = map(MIB(1) + 2 * KIB(64));
    CHECK(pthread_attr_setstack(&a, p + KIB(64), MIB(1)) == 0);
    run(&a, 500);
    if (!policy_has("any")) CHECK(resident(p, KIB(64)) == 0 && resident(p + KIB(64) + MIB(1), KIB(64)) == 0);
    CHECK(munmap(p, MIB(1) + 2 * KIB(64)) == 0);

    pthread_attr_t d;
    CHECK(pthread_attr_init(&d) == 0 && pthread_attr_setdetachstate(&d, PTHREAD_CREATE_DETACHED) == 0);
    for (int i = 0; i < 100; i++) {
        pthread_t t;
        CHECK(pthread_create(&t, &d, detached, (void *)(uintptr_t)1) == 0);
    }
    while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) != 100) usleep(1000);

    // What cannot be had is refused as ever, and forgotten.
    pthread_t t;
    CHECK(pthread_attr_init(&a) == 0 && pthread_attr_setstacksize(&a, (size_t)1 << 46) == 0);
    for (int i = 0; i < 200; i++) CHECK(pthread_create(&t, &a, uses, NULL) == EAGAIN);
    CHECK(pthread_attr_init(&a) == 0);
    run(&a, 10);
    return 0;
}
