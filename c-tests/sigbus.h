// Touches that may be answered by SIGBUS. Include it after test.h.
#ifndef SIGBUS_H
#define SIGBUS_H
#include <setjmp.h>
#include <signal.h>

static __thread sigjmp_buf sigbus_back;
static __thread volatile int sigbus_expected;

static void on_sigbus(int signal) {
    (void)signal;
    CHECK(sigbus_expected);
    siglongjmp(sigbus_back, 1);
}

// From here on a SIGBUS that nobody expects fails the test.
static void expect_sigbus(void) {
    struct sigaction action = {.sa_handler = on_sigbus};
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
}

// Whether a touch is answered by SIGBUS.
static int faults(volatile char *at) {
    sigbus_expected = 1;
    if (sigsetjmp(sigbus_back, 1)) return sigbus_expected = 0, 1;
    (void)*at;
    return sigbus_expected = 0;
}

#endif
