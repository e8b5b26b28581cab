// A thread under rules for its stack begins without a call of malloc, which may be the program's own and want more than there is
// before the thread's function has run.
// policy: stack:lock+populate=64K
// policy: any:lock
// cflags: -rdynamic
#include "test.h"
#include "threads.h"

static char arena[MIB(16)];
static size_t used;
static __thread int calls;

static void *take(size_t align, size_t n) {
    calls++;
    if (n > sizeof arena / 2) return errno = ENOMEM, NULL;
    size_t at = __atomic_fetch_add(&used, n + 2 * align, __ATOMIC_RELAXED);
    at = (at + 2 * align - 1) & -align;
    if (at + n > sizeof arena) return errno = ENOMEM, NULL;
    *(size_t *)(arena + at - 8) = n;
    return arena + at;
}
void *malloc(size_t n) { return take(16, n); }
void *calloc(size_t a, size_t b) { return take(16, a * b); }
void free(void *p) { (void)p; }
void *realloc(void *p, size_t n) {
    void *q = take(16, n);
    size_t old = p ? ((size_t *)p)[-1] : 0;
    if (p && q) memcpy(q, p, old < n ? old : n);
    return q;
}
void *memalign(size_t align, size_t n) { return take(align < 16 ? 16 : align, n); }
void *aligned_alloc(size_t align, size_t n) { return memalign(align, n); }
void *valloc(size_t n) { return memalign(4096, n); }
void *pvalloc(size_t n) { return memalign(4096, (n + 4095) & ~4095ul); }
int posix_memalign(void **p, size_t align, size_t n) { return (*p = memalign(align, n)) ? 0 : ENOMEM; }
size_t malloc_usable_size(void *p) { return p ? ((size_t *)p)[-1] : 0; }

static void *counts(void *arg) {
    (void)arg;
    return (void *)(intptr_t)calls;
}

int main(void) {
    for (int i = 0; i < 4; i++) CHECK(in_a_thread(counts, NULL) == NULL);
    return 0;
}
