// A handler that uses up the countdown, in the middle of looks at the heap, changes nothing. It calls malloc as no handler
// may, but only while the interrupted code is not in malloc itself.
// policy: heap:huge
// policy: latency
#include "test.h"
#include <sys/time.h>

static volatile int in_malloc, handled;

static void on_alarm(int sig) {
    (void)sig;
    if (in_malloc) return;
    for (int i = 0; i < 100; i++) {
        char *p = (char *)malloc(2000);
        CHECK(p != NULL);
        memset(p, 1, 2000);
        free(p);
    }
    handled++;
}

int main(void) {
    struct itimerval every = {{0, 500}, {0, 500}};
    struct sigaction act = {.sa_handler = on_alarm};
    CHECK(sigaction(SIGALRM, &act, NULL) == 0 && setitimer(ITIMER_REAL, &every, NULL) == 0);
    for (unsigned i = 0; i < 100000 && handled < 200; i++) {
        in_malloc = 1;
        char *p = (char *)malloc(5000);
        in_malloc = 0;
        CHECK(p != NULL);
        fill(p, 5000, i);
        CHECK(holds(p, 5000, i));
        in_malloc = 1;
        if (i % 3) free(p);
        in_malloc = 0;
    }
    CHECK(handled > 0);
    return 0;
}
