// A program that defines clock_gettime itself, as a simulator does, or a library such as libfaketime, with a lock of its own: we never
// call it, least of all while it holds that lock.
#include "test.h"
#include <pthread.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long calls;

int clock_gettime(clockid_t clock, struct timespec *time) {
    (void)clock;
    CHECK(pthread_mutex_lock(&lock) == 0);
    calls++;
    *time = (struct timespec){calls, 0};
    CHECK(pthread_mutex_unlock(&lock) == 0);
    return 0;
}

int main(void) {
    alarm(20);
    CHECK(pthread_mutex_lock(&lock) == 0);
    for (int i = 0; i < 3; i++) {
        char *p = malloc(MIB(4));
        CHECK(p);
        memset(p, 1, MIB(4));
        free(p);
        CHECK(munmap(map(MIB(4)), MIB(4)) == 0);
    }
    CHECK(pthread_mutex_unlock(&lock) == 0);
    struct timespec time;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
    printf("%ld calls\n", calls);
    return 0;
}
