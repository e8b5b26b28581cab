// A signal handler that interrupts a hook forks, and parent and child both return into what was interrupted: both go
// on. Each round's timer comes a little later, so that some of them meet the hook.
#include "test.h"
#include <sys/time.h>

#define ROUNDS 12
#define SIZE MIB(128)

static volatile sig_atomic_t forked;
static volatile pid_t child;

static void on_alarm(int signal) {
    (void)signal;
    if (forked) return;
    forked = 1;
    child = fork();
}

static void round_of(int n) {
    struct itimerval at = {.it_value = {.tv_usec = 300 + 1500 * n}};
    forked = 0;
    CHECK(setitimer(ITIMER_REAL, &at, NULL) == 0);
    char *p = map(SIZE);
    while (!forked) {}
    if (child == 0) {
        p[MIB(5)] = 1;
        char *q = map(MIB(4)), *r = malloc(MIB(4));
        CHECK(r != NULL && is_zero(q, MIB(4)));
        fill(r, MIB(4), 1);
        CHECK(holds(r, MIB(4), 1) && munmap(p, SIZE) == 0);
        free(r);
        exit(0);
    }
    ends_well(child);
    CHECK(p[MIB(5)] == 0 && munmap(p, SIZE) == 0);
}

int main(void) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    for (int n = 0; n < ROUNDS; n++) round_of(n);
    return 0;
}
