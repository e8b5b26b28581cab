// A program that limits the size of its files once it has begun, and maps only then, gets no SIGXFSZ from files of ours.
#include "test.h"
#include <sys/resource.h>

int main(void) {
    CHECK(munmap(map(KIB(4)), KIB(4)) == 0);
    struct rlimit none = {0, 0};
    CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
    for (int i = 0; i < 5; i++) {
        char *p = malloc(MIB(4));
        CHECK(p);
        memset(p, 1, MIB(4));
        free(p);
        memset(map(MIB(4)), 1, MIB(4));
    }
    return 0;
}
