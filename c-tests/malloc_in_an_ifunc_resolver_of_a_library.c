// An IFUNC resolver of a library that the program is linked with allocates: the loader calls it before it has
// relocated the shim, whose malloc must not lean on its own relocations by then.
// build: early.so -shared -fPIC -DLIBRARY
// cflags: -L. -l:early.so -Wl,-rpath,$ORIGIN -Wl,-z,now
#include "test.h"

#ifdef LIBRARY
char *early_small, *early_large;
static int answer(void) { return 42; }
static int (*resolve(void))(void) {
    early_small = malloc(100);
    early_large = malloc(MIB(3));
    if (early_small && early_large) early_large[MIB(3) - 1] = early_small[0] = 7;
    free(malloc(MIB(2)));
    return answer;
}
int resolved(void) __attribute__((ifunc("resolve")));
int call_resolved(void) { return resolved(); }
#else
extern char *early_small, *early_large;
int call_resolved(void);
int main(void) {
    CHECK(call_resolved() == 42);
    CHECK(early_small && early_small[0] == 7 && early_large && early_large[MIB(3) - 1] == 7);
    early_large = realloc(early_large, MIB(6));
    CHECK(early_large && early_large[MIB(3) - 1] == 7);
    free(early_small), free(early_large);
    return 0;
}
#endif
