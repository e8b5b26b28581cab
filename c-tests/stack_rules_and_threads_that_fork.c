// A thread that forks goes on in the child with nothing locked, makes threads there, and ends there as ever; threads that are
// being made meanwhile do the parent's work only.
// policy: stack:populate=128K+lock
// policy: any:lock
#include "test.h"
#include "smaps.h"
#include "threads.h"

static int made;
static void *counts(void *arg) {
    __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
    return arg;
}
static void *makes(void *arg) {
    for (int i = 0; i < 150; i++) CHECK(in_a_thread(counts, arg) == arg);
    return NULL;
}
static void *forks(void *arg) {
    for (int i = 0; i < 15; i++) {
        pid_t child = fork();
        if (child == 0) {
            CHECK(locked_kb() == 0);
            CHECK(in_a_thread(counts, arg) == arg);
            pthread_exit(NULL); // the last thread: the process ends with 0
        }
        ends_well(child);
    }
    return NULL;
}

int main(void) {
    pthread_t a, b;
    CHECK(pthread_create(&a, NULL, makes, &made) == 0 && pthread_create(&b, NULL, forks, &made) == 0);
    CHECK(pthread_join(a, NULL) == 0 && pthread_join(b, NULL) == 0 && made == 150);
    return 0;
}
