// Exit handlers and destructors of libraries allocate and free large blocks, also after ours have run.
// build: late.so -shared -fPIC -DLIBRARY
// cflags: -L. -l:late.so -Wl,-rpath,$ORIGIN
#include "test.h"

#ifdef LIBRARY
char *late;
__attribute__((destructor)) static void end(void) {
    CHECK(holds(late, MIB(3), 4));
    late = realloc(late, MIB(6));
    CHECK(late && holds(late, MIB(3), 4) && munmap(map(MIB(4)), MIB(4)) == 0);
    free(late);
    free(calloc(1, MIB(1)));
}
#else
extern char *late;
static char *block;
static void at_exit(void) {
    CHECK(holds(block, MIB(2), 5));
    free(block);
    free(malloc(MIB(8)));
}
__attribute__((destructor)) static void end(void) { free(malloc(MIB(8))); }

int main(void) {
    fill(late = malloc(MIB(3)), MIB(3), 4);
    fill(block = malloc(MIB(2)), MIB(2), 5);
    return atexit(at_exit);
}
#endif
