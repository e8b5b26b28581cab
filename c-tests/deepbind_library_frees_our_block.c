// A library opened with RTLD_DEEPBIND reaches the C library's own free, realloc and malloc_usable_size: blocks that
// the program allocated can be handed to it, and what it returns can be freed by the program.
// build: deep.so -shared -fPIC -DLIBRARY
// cflags: -ldl
#include "test.h"
#include <dlfcn.h>
#include <malloc.h>

#ifdef LIBRARY
void deep_free(void *p) { free(p); }
void *deep_realloc(void *p, size_t n) { return realloc(p, n); }
size_t deep_usable(void *p) { return malloc_usable_size(p); }
#else
int main(void) {
    void *library = dlopen(HERE "/deep.so", RTLD_NOW | RTLD_DEEPBIND);
    CHECK(library != NULL);
    void (*deep_free)(void *) = (void (*)(void *))dlsym(library, "deep_free");
    void *(*deep_realloc)(void *, size_t) = (void *(*)(void *, size_t))dlsym(library, "deep_realloc");
    size_t (*deep_usable)(void *) = (size_t(*)(void *))dlsym(library, "deep_usable");
    for (int round = 0; round < 3; round++) {
        for (size_t n = 100; n <= MIB(32); n = n * 2 + 300) {
            char *p = malloc(n), *q = calloc(1, n), *r = memalign(4096, n);
            CHECK(p && q && r && deep_usable(p) >= n);
            fill(p, n, 1);
            p = deep_realloc(p, n + n / 2);
            CHECK(p && holds(p, n, 1));
            p = realloc(p, n * 2);
            CHECK(p && holds(p, n, 1));
            p = deep_realloc(p, n / 2);
            CHECK(p && holds(p, n / 2, 1));
            deep_free(round % 2 ? p : q);
            free(round % 2 ? q : p);
            deep_free(r);
        }
    }
    return 0;
}
#endif
