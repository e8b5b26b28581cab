// With threads of its own, a program that looks at its own files in /proc does not send ours away each time.
// policy: file@1M:drop-behind
// page: own_threads = 1
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"

static void *waits(void *fd) {
    char byte;
    CHECK(read(*(int *)fd, &byte, 1) == 0);
    return NULL;
}

int main(void) {
    int ends[2];
    pthread_t thread;
    CHECK(pipe(ends) == 0 && pthread_create(&thread, NULL, waits, &ends[0]) == 0);
    char *p = watched("file", MIB(8), 1);
    for (int i = 0; i < 20; i++) {
        int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        if (under_shim()) CHECK(watchers() == 1);
        CHECK(close(fd) == 0);
    }
    CHECK(holds(p, MIB(8), 1) && close(ends[1]) == 0 && pthread_join(thread, NULL) == 0);
    return 0;
}
