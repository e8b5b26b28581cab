// A child that shares its parent's memory (vfork, or clone with CLONE_VM) gives up, invalidates, locks, moves and unmaps what a
// rule has locked, as if nothing were locked.
// policy: anon@1M:lock
// policy: any:lock
// limit: memlock=8M
#include "test.h"
#include "smaps.h"
#include <sched.h>

#define N MIB(2)
static char *a, *moved;
static int (*volatile body)(void);

static int gives_up(void) { return madvise(a, N, MADV_DONTNEED) != 0 || !is_zero(a, N); }
static int gives_up_a_part(void) { return posix_madvise(a + MIB(1), MIB(1), POSIX_MADV_DONTNEED) || madvise(a, MIB(1), MADV_FREE); }
static int invalidates(void) { return msync(a, N, MS_INVALIDATE) != 0; }
static int locks_to_the_limit(void) {
    // what we have locked elsewhere leaves no room for it
    char *m = mmap(NULL, MIB(7), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return m == MAP_FAILED || mlock(m, MIB(7)) != 0 || munmap(m, MIB(7)) != 0;
}
static int moves(void) { return (moved = (char *)mremap(a, N, 2 * N, MREMAP_MAYMOVE)) == MAP_FAILED; }
static int unmaps(void) { return munmap(a, N) != 0; }

static int child(void *unused) {
    (void)unused;
    _exit(body());
}

int main(void) {
    static char stack[KIB(64)] __attribute__((aligned(16)));
    int (*const bodies[])(void) = {gives_up, gives_up_a_part, invalidates, locks_to_the_limit, moves, unmaps};
    for (size_t i = 0; i < 4 * (sizeof bodies / sizeof *bodies); i++) {
        body = bodies[i / 4];
        moved = a = map(N);
        fill(a, N, (unsigned)i);
        if (i % 2 == 0) {
            pid_t pid = vfork();
            if (pid == 0) child(NULL);
            ends_well(pid);
        } else {
            ends_well(clone(child, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL));
        }
        if (body == moves || body == invalidates) CHECK(holds(moved, N, (unsigned)i));
        // what comes to lie there is the program's own to lock: no record of ours is left to undo that
        size_t len = body == moves ? 2 * N : N;
        if (body == unmaps) CHECK(mmap(a, N, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == a);
        CHECK(mlock(moved, len) == 0 && smaps_flagged(moved, len, "lo") == len);
        CHECK(munlock(moved, len) == 0 && munmap(moved, len) == 0);
    }
    return 0;
}
