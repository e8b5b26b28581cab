// unshare that the kernel grants to single-threaded programs only gives what it gives without us while pages are brought in
// ahead of the program, and long after; from then on what was still waiting is brought in, and what comes new.
// policy: anon@1M:populate=async
// policy: malloc@1M:populate=async
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>

static int is_brought(int by_malloc) {
    char *p = by_malloc ? malloc(MIB(4)) : mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != NULL && p != MAP_FAILED);
    char *page = (char *)(((uintptr_t)p + 4095) & ~(uintptr_t)4095);
    EVENTUALLY(resident(page, MIB(3)) >= MIB(2));
    return 1;
}

int main(void) {
    for (int turn = 0; turn < 20; turn++) {
        pid_t pid = fork();
        if (pid == 0) {
            char *p = malloc(MIB(64)), *q = mmap(NULL, MIB(64), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            CHECK(p && q != MAP_FAILED);
            usleep((useconds_t)turn * 1000);
            int result = unshare(turn % 2 ? CLONE_NEWUSER : CLONE_SIGHAND | CLONE_VM | CLONE_THREAD);
            printf("%d: %d\n", turn, result);
            fflush(stdout);
            if (under_shim()) {
                char *page = (char *)(((uintptr_t)(policy_has("malloc") ? p : q) + 4095) & ~(uintptr_t)4095);
                EVENTUALLY(resident(page, MIB(64) - PAGE) == MIB(64) - PAGE);
                CHECK(is_brought(policy_has("malloc")));
            }
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
