// A signal handler leaves by siglongjmp while the main flow is inside mmap or munmap: what comes after works as
// before, also malloc.
#include "test.h"
#include <setjmp.h>
#include <sys/time.h>

static sigjmp_buf back;
static volatile sig_atomic_t jumps;

static void on_timer(int signal) {
    (void)signal;
    jumps++;
    siglongjmp(back, 1);
}

int main(void) {
    struct sigaction action = {.sa_handler = on_timer};
    struct itimerval once = {{0, 0}, {0, 300}};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    static char *volatile held;
    while (jumps < 200) {
        if (sigsetjmp(back, 1) == 0) {
            CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
            for (;;) {
                held = mmap(NULL, KIB(512), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (held != MAP_FAILED) munmap(held, KIB(512));
            }
        }
    }
    for (int i = 0; i < 100; i++) {
        char *p = malloc(MIB(2)), *q = map(MIB(2));
        CHECK(p != NULL);
        fill(p, KIB(64), i), fill(q, KIB(64), i);
        CHECK(holds(p, KIB(64), i) && holds(q, KIB(64), i));
        free(p);
        CHECK(munmap(q, MIB(2)) == 0);
    }
    return 0;
}
