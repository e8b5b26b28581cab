// A program that exports only malloc, calloc, realloc and free keeps these in charge, also of what the C library
// allocates.
// cflags: -rdynamic
#include "test.h"

static char arena[MIB(256)];
static size_t used;
static int calls;

static void *take(size_t align, size_t n) {
    size_t at = (__atomic_load_n(&used, __ATOMIC_RELAXED) + 16 + align - 1) & -align;
    if (n > sizeof arena || at + n > sizeof arena) return errno = ENOMEM, NULL;
    used = at + n;
    calls++;
    *(size_t *)(arena + at - 8) = n;
    return arena + at;
}
static int mine(void *p) { return (char *)p >= arena && (char *)p < arena + sizeof arena; }

void *malloc(size_t n) { return take(16, n); }
void *calloc(size_t a, size_t b) { return take(16, a * b); }
void free(void *p) {
    if (p && !mine(p)) abort();
}
void *realloc(void *p, size_t n) {
    if (p && !mine(p)) abort();
    void *q = take(16, n);
    size_t old = p ? ((size_t *)p)[-1] : 0;
    if (p && q) memcpy(q, p, old < n ? old : n);
    return q;
}

int main(void) {
    int before = calls;
    char *line = NULL, *p = malloc(MIB(2)), *q = strdup("a string that the C library allocates");
    CHECK(mine(p) && mine(q) && calls > before);
    size_t n = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    CHECK(f && getline(&line, &n, f) > 0 && mine(line) && fclose(f) == 0);
    p = realloc(p, MIB(4));
    CHECK(mine(p));
    char *m = map(MIB(4));
    fill(m, MIB(4), 1);
    CHECK(holds(m, MIB(4), 1) && munmap(m, MIB(4)) == 0);
    free(p), free(q), free(line);
    return 0;
}
