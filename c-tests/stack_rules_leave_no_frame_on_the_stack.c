// Whoever unwinds a thread's stack finds its function called by the C library, as without us, and C++ cleanup runs when the
// thread is cancelled.
// policy: stack:populate=64K
// policy: any:lock
// cflags: -fexceptions -rdynamic
#include "test.h"
#include "threads.h"
#include <execinfo.h>

static int cleaned;
static void cleans(void *arg) { *(int *)arg = 1; }

static void *looks(void *arg) {
    void *frames[16];
    int n = backtrace(frames, 16);
    for (int i = 0; i < n; i++) {
        char **name = backtrace_symbols(&frames[i], 1);
        CHECK(name && !strstr(name[0], "libfaultless"));
        free(name);
    }
    CHECK(n >= 2);
    pthread_cleanup_push(cleans, &cleaned);
    __atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
    for (;;) pause();
    pthread_cleanup_pop(0);
}

int main(void) {
    int begun = 0;
    pthread_t t;
    void *result;
    CHECK(pthread_create(&t, NULL, looks, &begun) == 0);
    while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE)) usleep(1000);
    CHECK(pthread_cancel(t) == 0 && pthread_join(t, &result) == 0 && result == PTHREAD_CANCELED && cleaned == 1);
    return 0;
}
