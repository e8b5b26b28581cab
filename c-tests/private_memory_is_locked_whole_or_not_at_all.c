// Private memory for which there is not enough of a budget is not locked, not even in part: it grows and moves as alone: in place,
// to anywhere, to a given place, once more, in a child, and where there is no room for it, with the answer of mremap alone.
// policy: anon@1M:lock
// env: FAULTLESS_LOCK_MAX=1M
#include "test.h"
#include "smaps.h"
#include <sys/resource.h>

static char *fresh(void) {
    char *room = mmap(NULL, MIB(16), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(room != MAP_FAILED);
    // From above, so that nothing of it becomes one mapping with what lies beside it.
    char *p = mmap(room + MIB(4), MIB(2), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(p == room + MIB(4));
    CHECK(smaps_flagged(p, MIB(2), "lo") == 0);
    fill(p, MIB(2), 3);
    return p;
}

static void in_a_child(void (*what)(char *), char *p) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        what(p);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void moves(char *p) {
    char *q = mremap(p, MIB(2), MIB(3), MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && holds(q, MIB(2), 3));
    memset(q + MIB(2), 1, MIB(1));
    char *r = mremap(q, MIB(3), MIB(5), MREMAP_MAYMOVE);
    CHECK(r != MAP_FAILED && holds(r, MIB(2), 3) && r[MIB(3) - 1] == 1 && r[MIB(5) - 1] == 0);
    CHECK(munmap(r, MIB(5)) == 0);
}

static void grows_in_place(char *p) {
    errno = 0;
    CHECK(mremap(p, MIB(2), MIB(3), 0) == MAP_FAILED && errno == ENOMEM && holds(p, MIB(2), 3));
    CHECK(munmap(p + MIB(2), MIB(2)) == 0);
    CHECK(mremap(p, MIB(2), MIB(3), 0) == p && holds(p, MIB(2), 3) && p[MIB(3) - 1] == 0);
    CHECK(munmap(p, MIB(3)) == 0);
}

static void moves_where_it_is_told(char *p) {
    char *to = mmap(NULL, MIB(4), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(to != MAP_FAILED);
    errno = 0;
    CHECK(mremap(p, MIB(2), MIB(2), MREMAP_FIXED | MREMAP_MAYMOVE, to + 1) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, MIB(2), MIB(3), MREMAP_FIXED | MREMAP_MAYMOVE, to) == to && holds(to, MIB(2), 3));
    CHECK(smaps_kb(p, MIB(2), "Rss") == 0 && munmap(to, MIB(4)) == 0);
}

static void has_no_room(char *p) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    struct rlimit small = {MIB(64), limit.rlim_max};
    CHECK(setrlimit(RLIMIT_AS, &small) == 0);
    errno = 0;
    CHECK(mremap(p, MIB(2), MIB(512), MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    CHECK(holds(p, MIB(2), 3));
    moves(p);
}

int main(void) {
    void (*ways[])(char *) = {moves, grows_in_place, moves_where_it_is_told, has_no_room};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char *p = fresh();
        in_a_child(ways[i], p);
        ways[i](p);
    }
    return 0;
}
