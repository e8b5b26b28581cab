// Another thread may call hooks at the very moment at which the process does its first action: nothing is taken for a
// forked child, and nothing dies. Each try is a process of its own, because a process has only one first action.
// policy: throughput
// policy: anon@64K:huge+populate+lock
#include "test.h"
#include <spawn.h>

#define TRIES 150

extern char **environ;
static int go, done;

static void *call_hooks(void *arg) {
    __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) madvise(NULL, 0, MADV_NORMAL);
    return arg;
}

static void begin(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, call_hooks, NULL) == 0);
    while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE)) {}
    char *p = map(MIB(4));
    p[0] = 1;
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    CHECK(pthread_join(thread, NULL) == 0 && munmap(p, MIB(4)) == 0);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        begin();
        return 0;
    }
    char *again[] = {argv[0], "child", NULL};
    for (int i = 0; i < TRIES; i += 2) {
        pid_t pids[2];
        for (int k = 0; k < 2; k++) CHECK(posix_spawn(&pids[k], "/proc/self/exe", NULL, NULL, again, environ) == 0);
        for (int k = 0; k < 2; k++) ends_well(pids[k]);
    }
    return 0;
}
