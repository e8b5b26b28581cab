// A forked child may grow a shared mapping whose middle its parent's msync(MS_INVALIDATE) has had unlocked, as it may alone.
// policy: any:lock
#include "test.h"

int main(void) {
    char *p = mmap(NULL, MIB(2), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    fill(p, MIB(2), 1);
    CHECK(msync(p + MIB(1), 11 * PAGE, MS_ASYNC | MS_INVALIDATE) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        p = mremap(p, MIB(2), MIB(3), MREMAP_MAYMOVE);
        CHECK(p != MAP_FAILED && holds(p, MIB(2), 1));
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    return 0;
}
