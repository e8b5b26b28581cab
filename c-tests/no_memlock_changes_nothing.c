// Under RLIMIT_MEMLOCK=0 mappings, blocks, files and stacks are as without the shim.
// limit: memlock=0
#include "test.h"

static void *thread(void *arg) {
    char deep[KIB(512)];
    memset(deep, 1, sizeof deep);
    return deep[5] ? arg : NULL;
}

int main(void) {
    int fd = file_of("file", MIB(2), 1);
    for (int i = 0; i < 10; i++) {
        char *p = map(MIB(4)), *q = malloc(MIB(4)), *r = mmap(NULL, MIB(2), PROT_READ, MAP_SHARED, fd, 0);
        CHECK(q && r != MAP_FAILED && holds(r, MIB(2), 1));
        fill(p, MIB(4), 2), fill(q, MIB(4), 3);
        pthread_t t;
        CHECK(pthread_create(&t, NULL, thread, NULL) == 0 && pthread_join(t, NULL) == 0);
        CHECK(holds(p, MIB(4), 2) && holds(q, MIB(4), 3));
        CHECK(madvise(p, MIB(1), MADV_DONTNEED) == 0 && is_zero(p, MIB(1)));
        p = mremap(p, MIB(4), MIB(12), MREMAP_MAYMOVE);
        CHECK(p != MAP_FAILED && munmap(p, MIB(12)) == 0 && munmap(r, MIB(2)) == 0);
        free(q);
    }
    errno = 0;
    char *p = map(PAGE);
    printf("mlock %d", mlock(p, PAGE));
    printf(" errno %d\n", errno);
    return 0;
}
