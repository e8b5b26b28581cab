// Where a limit counts what is mapped, or comes to do so, what a program has freed stands in the way of nothing that it
// would get alone, be it a larger block, small ones, a mapping, or one that grows.
// policy: malloc@1M:recycle
// policy: throughput
#include "test.h"
#include <sys/resource.h>

static void use(size_t n) {
    char *p = malloc(n);
    CHECK(p);
    memset(p, 1, n);
    free(p);
}

static void limit(int resource, size_t to) {
    struct rlimit r = {to, to};
    CHECK(setrlimit(resource, &r) == 0);
}

static void a_larger_block(void) { use(MIB(240)); }

static void small_blocks(void) {
    for (int i = 0; i < 240000; i++) CHECK(malloc(1000));
}

static void a_mapping(void) { map(MIB(240)); }

static void a_mapping_that_grows(void) {
    char *p = map(MIB(20));
    CHECK(mremap(p, MIB(20), MIB(240), MREMAP_MAYMOVE) != MAP_FAILED);
}

static void another_that_grows(void) {
    char *p = malloc(MIB(100));
    CHECK(p);
    p = realloc(p, MIB(240));
    CHECK(p);
    memset(p, 1, MIB(240));
}

int main(void) {
    void (*wishes[])(void) = {a_larger_block, small_blocks, a_mapping, a_mapping_that_grows, another_that_grows};
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        for (int when = 0; when < 4; when++) {
            pid_t pid = fork();
            if (pid == 0) {
                int resource = when % 2 ? RLIMIT_AS : RLIMIT_DATA;
                if (when < 2) limit(resource, MIB(300));
                use(MIB(200));
                if (when >= 2) limit(resource, MIB(300));
                wishes[i]();
                _exit(0);
            }
            ends_well(pid);
        }
    }
    return 0;
}
