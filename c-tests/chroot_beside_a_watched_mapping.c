// A program that changes its root folder, to one without /proc, goes on reading what is watched.
// policy: file@1M:drop-behind
// policy: file@1M:lock,file@1M:auto
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/stat.h>

int main(void) {
    char *p = watched("file", MIB(64), 1);
    CHECK(mkdir("root", 0700) == 0);
    if (chroot("root") != 0) SKIP("only root can chroot");
    CHECK(chdir("/") == 0);
    for (int i = 0; i < 15; i++) {
        CHECK(holds(p, MIB(64), 1));
        usleep(100000);
    }
    CHECK(access("/proc", F_OK) == -1 && munmap(p, MIB(64)) == 0);
    return 0;
}
