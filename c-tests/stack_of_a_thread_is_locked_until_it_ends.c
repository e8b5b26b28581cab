// A rule stack:lock locks a thread's stack, and lets go of it when the thread returns, exits or is cancelled: nothing stays
// locked, and the limit holds the next.
// policy: stack:lock
// limit: memlock=6M
// page: rule1.failed = 0, rule1.skipped = 1, rule1.partly = 0
// (what is skipped is the main stack)
#include "test.h"
#include "smaps.h"
#include "threads.h"

static void look(void) {
    size_t n;
    char *p = own_stack(&n);
    if (under_shim()) CHECK(smaps_flagged(p, n, "lo") == n);
}
static void *returns(void *arg) { look(); return arg; }
static void *exits(void *arg) { look(); pthread_exit(arg); }
static void *is_cancelled(void *arg) {
    look();
    __atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
    while (1) pause();
    return NULL;
}

int main(void) {
    pthread_attr_t small;
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, MIB(4)) == 0);
    CHECK(pthread_setattr_default_np(&small) == 0);
    size_t main_kb = locked_kb();
    for (int i = 0; i < 8; i++) {
        int begun = 0;
        pthread_t t;
        void *result;
        CHECK(in_a_thread(returns, &begun) == &begun && locked_kb() == main_kb);
        CHECK(in_a_thread(exits, &begun) == &begun && locked_kb() == main_kb);
        CHECK(pthread_create(&t, NULL, is_cancelled, &begun) == 0);
        while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE)) usleep(1000);
        CHECK(pthread_cancel(t) == 0 && pthread_join(t, &result) == 0 && result == PTHREAD_CANCELED);
        CHECK(locked_kb() == main_kb);
    }
    return 0;
}
