// Threads open many libraries at once, whose constructors allocate, call into them and close them again.
// build: plugin.so -shared -fPIC -DLIBRARY
// cflags: -ldl
#include "test.h"
#include <dlfcn.h>

#ifdef LIBRARY
static char *held;
static __thread char local[5000];
__attribute__((constructor)) static void start(void) { held = calloc(1, MIB(1)); }
__attribute__((destructor)) static void end(void) { free(held); }
char *give(size_t n) {
    local[n % 5000] = 1;
    char *p = malloc(n);
    if (p) memset(p, 42, n);
    return p;
}
#else
#define COPIES 40
static void copy(const char *name) {
    char bytes[4096];
    int from = open(HERE "/plugin.so", O_RDONLY), to = open(name, O_WRONLY | O_CREAT, 0700);
    ssize_t n;
    CHECK(from >= 0 && to >= 0);
    while ((n = read(from, bytes, sizeof bytes)) > 0) CHECK(write(to, bytes, n) == n);
    close(from), close(to);
}

static void *open_some(void *first) {
    for (int i = (int)(intptr_t)first; i < COPIES; i += 4) {
        char name[32];
        snprintf(name, sizeof name, "./plugin%d.so", i);
        copy(name);
        void *library = dlopen(name, i % 2 ? RTLD_NOW : RTLD_LAZY);
        CHECK(library != NULL);
        char *(*give)(size_t) = (char *(*)(size_t))dlsym(library, "give");
        char *p = give(KIB(100) * (1 + i));
        CHECK(p && p[KIB(100) - 1] == 42);
        free(p);
        CHECK(dlclose(library) == 0);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, open_some, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
#endif
