// A signal handler leaves by siglongjmp while several threads populate a mapping: the program goes on, and its next
// mappings are populated as ever.
// policy: anon@128M:populate
// serial: takes up to 2 GiB
#include "test.h"
#include "smaps.h"
#include <setjmp.h>
#include <sys/time.h>

static sigjmp_buf back;

static void on_alarm(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

int main(void) {
    if (available_kb() < 6 << 20) SKIP("less than 6 GiB of memory");
    struct sigaction action = {.sa_handler = on_alarm};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    for (volatile int i = 0; i < 8; i++) {
        struct itimerval at = {.it_value = {.tv_usec = 100 + 4000 * i}};
        if (sigsetjmp(back, 1) == 0) {
            CHECK(setitimer(ITIMER_REAL, &at, NULL) == 0);
            map(MIB(256));
            for (;;) pause();
        }
        char *p = map(MIB(192)), stack[4096];
        memset(stack, i, sizeof stack);
        if (under_shim()) CHECK(resident(p, MIB(192)) == MIB(192));
        CHECK(is_zero(p, MIB(192)) && munmap(p, MIB(192)) == 0);
        for (size_t at = 0; at < sizeof stack; at++) CHECK(stack[at] == i);
    }
    return 0;
}
