// Somebody who watches the file by inotify sees what the program itself does to it and nothing else.
// policy: file@1M:drop-behind
// policy: file@1M:auto+lock=hot
// policy: file@1M:populate+lock
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/inotify.h>

int main(void) {
    CHECK(close(file_of("file", MIB(32), 1)) == 0);
    int events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    CHECK(events >= 0 && inotify_add_watch(events, "file", IN_ALL_EVENTS) >= 0);
    int fd = open("file", O_RDONLY | O_CLOEXEC);
    char *p = mmap(NULL, MIB(32), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    for (int i = 0; i < 10; i++) {
        CHECK(holds(p, MIB(32), 1));
        usleep(20000);
    }
    CHECK(munmap(p, MIB(32)) == 0 && close(fd) == 0);
    usleep(200000);
    char buffer[4096];
    ssize_t n = read(events, buffer, sizeof buffer);
    for (ssize_t at = 0; at < n;) {
        struct inotify_event *e = (struct inotify_event *)(buffer + at);
        printf("%x\n", e->mask);
        at += (ssize_t)(sizeof *e + e->len);
    }
    return 0;
}
