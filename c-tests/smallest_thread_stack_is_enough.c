// Threads on the smallest stacks that the C library allows can map and allocate.
// cflags: -Wl,-z,now
#include "test.h"
#include <limits.h>

static void *work(void *arg) {
    for (int i = 0; i < 20; i++) {
        char *p = map(MIB(3)), *q = malloc(MIB(3));
        CHECK(q != NULL);
        p[0] = q[0] = 1;
        q = realloc(q, MIB(5));
        CHECK(q != NULL && munmap(p, MIB(3)) == 0);
        free(q);
    }
    return arg;
}

int main(void) {
    pthread_attr_t attr;
    pthread_t threads[4];
    CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN) == 0);
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], &attr, work, NULL) == 0);
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
