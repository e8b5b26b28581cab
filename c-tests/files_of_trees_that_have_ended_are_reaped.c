// What processes that have ended shared of their budgets does not pile up in the folder of pages: those who come later take it
// away once there is much of it, and leave what a living process has. In a folder that others may write to nothing is touched.
// policy: anon@64K:populate
#include "test.h"
#include <dirent.h>
#include <sys/stat.h>

static int trees(const char *folder) {
    DIR *d = opendir(folder);
    CHECK(d != NULL);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += !strncmp(e->d_name, "tree.", 5);
    CHECK(closedir(d) == 0);
    return n;
}

static void children(int n) {
    for (int i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            map(KIB(64));
            _exit(0);
        }
        ends_well(pid);
    }
}

int main(void) {
    const char *folder = getenv("FAULTLESS_PAGES");
    if (!under_shim()) return 0;
    char path[4200];
    CHECK(munmap(map(KIB(64)), KIB(64)) == 0);
    int own = trees(folder), forks = 0;
    CHECK(own >= 1);
    for (int i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "%s/tree.%016x", folder, 0x10000 + i);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0 && ftruncate(fd, 4096) == 0 && close(fd) == 0);
    }
    CHECK(chmod(folder, 0777) == 0);
    children(200);
    CHECK(trees(folder) == own + 300 && chmod(folder, 0700) == 0);
    for (; trees(folder) > own; forks++) {
        CHECK(forks < 3000);
        children(1);
    }
    CHECK(trees(folder) == own);
    return 0;
}
