// An IFUNC resolver of the program runs while the loader relocates, before any constructor, and allocates.
#include "test.h"

static char *small, *large;

static int answer(void) { return 42; }
static int (*resolve(void))(void) {
    small = malloc(100);
    large = malloc(MIB(3));
    if (small && large) large[0] = large[MIB(3) - 1] = small[0] = 7;
    free(malloc(MIB(2)));
    return answer;
}
int resolved(void) __attribute__((ifunc("resolve")));

int main(void) {
    CHECK(resolved() == 42);
    CHECK(small && small[0] == 7 && large && large[0] == 7 && large[MIB(3) - 1] == 7);
    large = realloc(large, MIB(6));
    CHECK(large && large[MIB(3) - 1] == 7);
    free(small), free(large);
    return 0;
}
