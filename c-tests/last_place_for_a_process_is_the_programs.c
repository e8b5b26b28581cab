// Where RLIMIT_NPROC leaves room for one process or thread more, that is the program's: a thread of ours gives its place up to
// fork, posix_spawn and pthread_create.
// policy: file@4M:drop-behind
// policy: file@4M:lock=hot
// page: rule1.applied >= 3
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>

extern char **environ;

static void *thread(void *p) { return p; }

int main(void) {
    // A user of its own, whose processes nobody else counts among; root has no limit.
    uid_t user = 200000 + getpid() % 100000;
    const char *names[] = {"one", "two", "three"};
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = file_of(names[i], MIB(8), i);
        if (fchown(fds[i], user, -1) != 0) SKIP("not root");
    }
    if (setresuid(user, user, user) != 0) SKIP("not root");
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    struct rlimit limit = {2, 2};
    CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
    for (int way = 0; way < 3; way++) {
        char *p = (char *)mmap(NULL, MIB(8), PROT_READ, MAP_SHARED, fds[way], 0);
        CHECK(p != MAP_FAILED);
        if (under_shim()) EVENTUALLY(watchers() == 1);
        errno = 0;
        if (way == 0) {
            pid_t pid = fork();
            if (pid == 0) _exit(holds(p, MIB(8), way) ? 0 : 1);
            CHECK(pid > 0 && errno == 0);
            ends_well(pid);
        } else if (way == 1) {
            pid_t pid;
            char *argv[] = {"true", NULL};
            int result = posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ);
            errno = result;
            CHECK(result == 0);
            ends_well(pid);
        } else {
            pthread_t t;
            int result = pthread_create(&t, NULL, thread, NULL);
            errno = result;
            CHECK(result == 0);
            CHECK(pthread_join(t, NULL) == 0);
        }
        CHECK(holds(p, MIB(8), way));
    }
    return 0;
}
