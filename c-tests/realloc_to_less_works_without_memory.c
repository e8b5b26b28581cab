// A block can always become smaller, and keeps its content, also when nothing else can be allocated.
#include "test.h"
#include <sys/resource.h>

int main(void) {
    void *volatile block;
    char *p = malloc(MIB(64));
    CHECK(p != NULL);
    fill(p, MIB(4), 1);
    struct rlimit limit = {MIB(1), MIB(1)};
    CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
    for (size_t size = MIB(1); size >= 16; size /= 2)
        while ((block = malloc(size)) != NULL) {}
    size_t sizes[] = {MIB(32), MIB(4), MIB(1) + 1, KIB(200), 60000, 60000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        p = realloc(p, sizes[i]);
        CHECK(p != NULL);
        CHECK(holds(p, sizes[i] < MIB(4) ? sizes[i] : MIB(4), 1));
    }
    return 0;
}
