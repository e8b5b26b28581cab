// A program that is run after a chroot to where libfaultless.so isn't is counted as not reached (musl's loader says
// nothing); one that is in no root isn't.
// page: end = exit, not_reached = 1
#include "test.h"
#include <sched.h>
#include <sys/stat.h>

int main(void) {
    // an empty file: no program, so exec fails
    CHECK(mkdir("root", 0755) == 0);
    CHECK(close(open("root/program", O_WRONLY | O_CREAT, 0755)) == 0);
    CHECK(execl("root/program", "program", (char *)NULL) == -1);
    if (chroot("root") && (unshare(CLONE_NEWUSER) || chroot("root"))) SKIP("chroot is not allowed here");
    CHECK(execl("/program", "program", (char *)NULL) == -1);
    CHECK(execl("/nothing", "nothing", (char *)NULL) == -1);
    return 0;
}
