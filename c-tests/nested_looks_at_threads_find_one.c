// A look at how many threads there are within another one, and one by a duplicate, as a shell makes it for `<`, find one.
// policy: file@1M:drop-behind
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <dirent.h>
#include <sys/stat.h>

static int field(int fd) {
    char text[4096] = "";
    int n = -1;
    CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && sscanf(strstr(text, "Threads:"), "Threads: %d", &n) == 1);
    return n;
}

int main(void) {
    struct stat st;
    char *p = watched("file", MIB(8), 1);
    for (int turn = 0; turn < 3; turn++) {
        if (under_shim()) EVENTUALLY(watchers() == 1);
        DIR *d = opendir("/proc/self/task");
        int n = 0, fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC), other = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
        CHECK(d && other >= 0 && close(other) == 0 && stat("/proc/self/task", &st) == 0 && st.st_nlink == 3);
        CHECK(field(fd) == 1 && close(fd) == 0);
        for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
        CHECK(n == 1 && closedir(d) == 0);
        if (under_shim()) EVENTUALLY(watchers() == 1);
        int first = open("/proc/self/status", O_RDONLY | O_CLOEXEC), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        CHECK(dup2(first, 100) == 100 && close(first) == 0 && field(100) == 1);
        CHECK(dup2(null, 100) == 100 && close(null) == 0 && close(100) == 0);
    }
    if (under_shim()) EVENTUALLY(watchers() == 1);
    CHECK(holds(p, MIB(8), 1));
    return 0;
}
