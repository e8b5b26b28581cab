// A thread that runs over its stack ends in its guard page, as without the shim; stacks of one's own work.
// limit: memlock=1M
#include "test.h"
#include <setjmp.h>

static __thread sigjmp_buf back;
static volatile int levels;

static void on_fault(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

static int deep(int level) {
    volatile char here[4096];
    here[0] = 1;
    levels = level;
    return deep(level + 1) + here[0];
}

static void *overrun(void *arg) {
    char *room = map(KIB(64));
    stack_t stack = {.ss_sp = room, .ss_size = KIB(64)};
    CHECK(sigaltstack(&stack, NULL) == 0);
    if (sigsetjmp(back, 1) == 0) deep(0);
    return arg;
}

int main(void) {
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    for (int i = 0; i < 5; i++) {
        pthread_attr_t attr;
        pthread_t thread;
        CHECK(pthread_attr_init(&attr) == 0);
        if (i < 3) CHECK(pthread_attr_setstacksize(&attr, KIB(256) << i) == 0);
        CHECK(pthread_create(&thread, &attr, overrun, NULL) == 0 && pthread_join(thread, NULL) == 0);
        CHECK(levels > 30);
    }
    return 0;
}
