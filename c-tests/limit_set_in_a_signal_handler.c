// A signal handler that sets a limit while malloc is at work, which it has interrupted, leaves malloc as it was.
#include "test.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

static volatile sig_atomic_t times;

static void on_alarm(int signal) {
    (void)signal;
    int before = errno;
    struct rlimit limit = {MIB(1024) * 40, RLIM_INFINITY};
    setrlimit(RLIMIT_DATA, &limit);
    errno = before;
    times++;
}

int main(void) {
    enum { BLOCKS = 40000 };
    static char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        CHECK((blocks[i] = malloc(4000)));
        memset(blocks[i], 1, 4000);
    }
    for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval often = {{0, 300}, {0, 300}};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    char *one = NULL, *two = NULL;
    for (unsigned x = 1; times < 500; x = x * 1103515245 + 12345) {
        free(one);
        one = malloc(1500 + (x >> 16) % 3000);
        char *three = malloc(2000);
        free(two);
        two = three;
        CHECK(one && two);
    }
    return 0;
}
