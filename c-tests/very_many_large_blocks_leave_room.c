// A program that holds more blocks than a process may have mappings can still start threads, map, and protect.
// policy: malloc@64K:populate
// env: FAULTLESS_POPULATE_MAX=1M
// page: blocks_live >= 1000
// serial: memory
#include "test.h"

#define N 66000

static void *nothing(void *arg) {
    return arg;
}

int main(void) {
    static void *volatile blocks[N];
    for (int i = 0; i < N; i++) CHECK((blocks[i] = malloc(66000)) != NULL);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0);
    char *p = mmap(NULL, 5 * PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED && mprotect(p + PAGE, PAGE, PROT_NONE) == 0);
    char *q = malloc(MIB(64));
    CHECK(q != NULL && mprotect((char *)(((uintptr_t)q + PAGE) & -PAGE), PAGE, PROT_READ) == 0);
    return 0;
}
