// A program that keeps open what tells how many threads it has, to read it now and then, is watched all the same a moment
// later.
// policy: file@1M:drop-behind
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"

int main(void) {
    char *p = watched("file", MIB(8), 1);
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    if (under_shim()) {
        CHECK(watchers() == 0);
        usleep(600000);
        CHECK(munmap(map(PAGE), PAGE) == 0);
        EVENTUALLY(watchers() == 1);
    }
    CHECK(holds(p, MIB(8), 1) && close(fd) == 0);
    return 0;
}
