// A program gives advice on a part of a mapping that changes nothing without the shim: it still is one mapping, which can be
// grown, and what a rule had said of the rest is said no longer.
// policy: file@4K:random,anon@4K:dontdump
// policy: file@4K:sequential+dontdump,anon@4K:dontdump
// policy: file@4K:populate+lock+random,anon@4K:lock+dontdump
#include "test.h"
#include "smaps.h"

static void *mapped(int fd) {
    char *p = mmap(NULL, 64 * PAGE, PROT_READ, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

int main(void) {
    int fd = file_of("file", 256 * PAGE, 1);
    for (int how = 0; how < 2; how++) {
        char *p = mapped(how ? fd : -1);
        CHECK(posix_madvise(p + PAGE, 3 * PAGE, POSIX_MADV_NORMAL) == 0);
        CHECK(madvise(p + 60 * PAGE, 4 * PAGE, MADV_DODUMP) == 0);
        CHECK(smaps_flagged(p, 64 * PAGE, "rr") + smaps_flagged(p, 64 * PAGE, "sr") + smaps_flagged(p, 64 * PAGE, "dd") == 0);
        p = mremap(p, 64 * PAGE, 128 * PAGE, MREMAP_MAYMOVE);
        CHECK(p != MAP_FAILED && munmap(p, 128 * PAGE) == 0);
    }
    return 0;
}
