// The file system of the counter pages is full, and stays so: the program runs on, as a page that can't be had is
// no reason to end by SIGBUS.
#include "test.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

static int work(void) {
    for (int i = 0; i < 50; i++) {
        char *p = map(MIB(2)), *q = malloc(MIB(2));
        fill(p, MIB(1), i), fill(q, MIB(1), i);
        CHECK(holds(p, MIB(1), i) && holds(q, MIB(1), i) && munmap(p, MIB(2)) == 0);
        free(q);
    }
    return 0;
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) return work();
    if (unshare(CLONE_NEWNS) != 0) SKIP("needs the right to mount");
    CHECK(mkdir("full", 0700) == 0);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount("tmpfs", "full", "tmpfs", 0, "size=4k,mode=700") != 0)
        SKIP("needs the right to mount");
    char folder[4096];
    CHECK(realpath("full", folder) && setenv("FAULTLESS_PAGES", folder, 1) == 0);
    for (int filled = 0; filled < 2; filled++) {
        if (filled) {
            int fd = open("full/filler", O_WRONLY | O_CREAT, 0600);
            char page[4096] = "";
            CHECK(fd >= 0 && (write(fd, page, sizeof page) > 0 || errno == ENOSPC) && close(fd) == 0);
        }
        pid_t pid = fork();
        if (pid == 0) {
            execl("/proc/self/exe", "child", "", (char *)NULL);
            _exit(1);
        }
        ends_well(pid);
    }
    return 0;
}
