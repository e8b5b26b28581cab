// A file that shrinks under its mapping gives SIGBUS beyond its end and nowhere else, and a mapping longer than its
// file can be had as ever.
#include "test.h"
#include <setjmp.h>

static sigjmp_buf back;

static void on_fault(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

static int faults(volatile char *at) {
    if (sigsetjmp(back, 1)) return 1;
    return (*at, 0);
}

int main(void) {
    struct sigaction action = {.sa_handler = on_fault};
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
    for (int kind = 0; kind < 4; kind++) {
        int fd = file_of("file", MIB(1), 1), flags = kind % 2 ? MAP_SHARED : MAP_PRIVATE;
        int protection = kind / 2 ? PROT_READ | PROT_WRITE : PROT_READ;
        char *p = mmap(NULL, MIB(1), protection, flags, fd, 0);
        CHECK(p != MAP_FAILED && holds(p, MIB(1), 1));
        CHECK(ftruncate(fd, KIB(64) + 100) == 0);
        for (size_t at = 0; at < KIB(64) + 100; at += 100) CHECK(!faults(p + at));
        printf("beyond: %d %d\n", faults(p + KIB(68)), faults(p + MIB(1) - 1));
        char *longer = mmap(NULL, MIB(2), protection, flags, fd, 0);
        CHECK(longer != MAP_FAILED && holds(longer, KIB(64), 1));
        printf("longer: %d %d\n", faults(longer + KIB(64)), faults(longer + KIB(68)));
        CHECK(ftruncate(fd, MIB(2)) == 0 && !faults(longer + MIB(1)) && longer[MIB(1)] == 0);
        CHECK(munmap(p, MIB(1)) == 0 && munmap(longer, MIB(2)) == 0 && close(fd) == 0);
    }
    int empty = file_of("empty", 0, 0);
    char *p = mmap(NULL, MIB(1), PROT_READ, MAP_SHARED, empty, 0);
    CHECK(p != MAP_FAILED && faults(p));
    return 0;
}
