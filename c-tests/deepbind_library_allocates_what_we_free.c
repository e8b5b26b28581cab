// A library opened with RTLD_DEEPBIND allocates from the C library's own malloc; the program reallocs and frees it.
// build: deep.so -shared -fPIC -DLIBRARY
// cflags: -ldl
#include "test.h"
#include <dlfcn.h>
#include <malloc.h>

#ifdef LIBRARY
void *deep_malloc(size_t n) { return malloc(n); }
void *deep_memalign(size_t align, size_t n) { return memalign(align, n); }
#else
int main(void) {
    void *library = dlopen(HERE "/deep.so", RTLD_NOW | RTLD_DEEPBIND);
    CHECK(library != NULL);
    void *(*deep_malloc)(size_t) = (void *(*)(size_t))dlsym(library, "deep_malloc");
    void *(*deep_memalign)(size_t, size_t) = (void *(*)(size_t, size_t))dlsym(library, "deep_memalign");
    for (size_t n = 100; n <= MIB(32); n = n * 2 + 300) {
        char *p = deep_malloc(n), *q = deep_memalign(MIB(2), n);
        CHECK(p && q && malloc_usable_size(p) >= n && malloc_usable_size(q) >= n);
        fill(p, n, 1), fill(q, n, 2);
        p = realloc(p, n * 2);
        q = realloc(q, n / 2);
        CHECK(p && holds(p, n, 1) && q && holds(q, n / 2, 2));
        free(p), free(q);
    }
    return 0;
}
#endif
