// In a memory cgroup, a program that has shut itself off from /proc or /sys, by chroot, by a mount or with its last descriptor, may map more
// than it uses. Where nobody says how much there is, nothing is brought.
// policy: latency
// policy: throughput
// policy: anon@64K:populate+lock,malloc@64K:recycle
// serial: a cgroup of its own
#include "test.h"
#include "group.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

static void shut_off(int how) {
    CHECK(munmap(map(MIB(2)), MIB(2)) == 0);
    if (how == 0) {
        char folder[] = "/tmp/faultless-empty-XXXXXX";
        CHECK(mkdtemp(folder) && chroot(folder) == 0 && chdir("/") == 0);
    } else if (how == 1) {
        CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
        CHECK(mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) == 0);
    } else {
        struct rlimit few = {64, 64};
        CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
        while (dup(0) >= 0) {}
    }
    usleep(300000); // what is known of the group by then is old
    memset(map(MIB(100)), 1, MIB(100));
    *(volatile char *)map(MIB(200)) = 1;
}

static void take_and_give(int how) {
    shut_off(how);
    for (int i = 0; i < 3; i++) {
        char *p = malloc(MIB(60));
        CHECK(p);
        memset(p, i, MIB(60));
        free(p);
    }
    memset(map(MIB(120)), 1, MIB(120));
}

int main(void) {
    group_make("256M");
    int status[6];
    for (int how = 0; how < 3; how++) status[how] = group_run(shut_off, how);
    for (int how = 0; how < 3; how++) status[3 + how] = group_run(take_and_give, how);
    group_remove();
    for (int how = 0; how < 6; how++) CHECK(status[how] == 0);
    return 0;
}
