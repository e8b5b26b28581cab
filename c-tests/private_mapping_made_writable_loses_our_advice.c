// A private mapping of a file that has been turned to random becomes writable: what is memory of its own from then on has no
// advice that the program has not given.
// policy: file@4M:auto
// serial: a cgroup of its own
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "group.h"
#include "watched.h"

static void work(int how) {
    (void)how;
    size_t n = MIB(192);
    int fd = open("file", O_RDONLY | O_CLOEXEC);
    char *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED);
    if (!under_shim()) _exit(0);
    unsigned random = 1;
    for (int turn = 0; turn < 60000 && smaps_flagged(p, n, "rr") == 0; turn++)
        for (int i = 0; i < 50; i++) {
            random = random * 1103515245 + 12345;
            (void)*(volatile char *)(p + (random >> 4) % (n / PAGE) * PAGE);
        }
    if (smaps_flagged(p, n, "rr") == 0) _exit(77);
    CHECK(mprotect(p + MIB(1), n / 2, PROT_READ | PROT_WRITE) == 0);
    for (int i = 0; i < 50; i++) {
        CHECK(smaps_flagged(p + MIB(1), n / 2, "rr") == 0);
        usleep(10000);
    }
    _exit(0);
}

int main(void) {
    evict(file_of("file", MIB(192), 1));
    group_make("64M");
    int status = group_run(work, 0);
    group_remove();
    CHECK(status == 0);
    return 0;
}
