// A timer's signal handler maps, advises and unmaps while the main flow is inside the same calls and inside malloc.
#include "test.h"
#include <sys/time.h>

static volatile sig_atomic_t signals, failed;

static void on_timer(int signal) {
    (void)signal;
    int saved = errno;
    char *p = mmap(NULL, KIB(256), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) failed = 1;
    else {
        p[0] = p[KIB(256) - 1] = 1;
        failed |= madvise(p, KIB(64), MADV_DONTNEED) != 0 || p[0] != 0;
        failed |= mprotect(p, KIB(64), PROT_READ) != 0 || munmap(p, KIB(256)) != 0;
    }
    signals++;
    errno = saved;
}

int main(void) {
    struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (int i = 0; signals < 300; i++) {
        char *p = map(MIB(1)), *q = malloc(KIB(64) * (1 + i % 32));
        CHECK(q != NULL);
        p[0] = q[0] = 1;
        q = realloc(q, MIB(1) + i % 100 * PAGE);
        CHECK(q != NULL && q[0] == 1 && p[0] == 1);
        free(q);
        CHECK(munmap(p, MIB(1)) == 0);
    }
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0 && !failed);
    return 0;
}
