// A thread truncates and extends a file without pause while the main thread maps it: no signal comes that the program
// didn't ask for by touching.
#include "test.h"

static volatile int stop;

static void *resize(void *fd) {
    while (!stop) {
        CHECK(ftruncate(*(int *)fd, 0) == 0);
        CHECK(ftruncate(*(int *)fd, MIB(8)) == 0);
    }
    return NULL;
}

int main(void) {
    int fd = file_of("file", MIB(1), 1);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, resize, &fd) == 0);
    for (int i = 0; i < 300; i++) {
        char *p = mmap(NULL, MIB(8), i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        CHECK(p != MAP_FAILED && munmap(p, MIB(8)) == 0);
    }
    stop = 1;
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}
