// The memory that a path was in may be gone by the time its open returns, because the kernel has copied it.
// policy: file@1M:drop-behind
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/stat.h>

static char *path;

static void *unmaps_it(void *unused) {
    (void)unused;
    usleep(200000);
    CHECK(munmap(path, PAGE) == 0);
    int fd = open("fifo", O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
    return NULL;
}

int main(void) {
    pthread_t thread;
    char byte, *p = watched("file", MIB(8), 1);
    CHECK(mkfifo("fifo", 0600) == 0);
    path = strcpy(map(PAGE), "fifo");
    CHECK(pthread_create(&thread, NULL, unmaps_it, NULL) == 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, &byte, 1) == 1 && close(fd) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(holds(p, MIB(8), 1));
    return 0;
}
