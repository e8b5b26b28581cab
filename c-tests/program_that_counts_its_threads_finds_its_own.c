// A program with one thread that asks how many there are is told of one, however it asks; what it had locked or brought in
// by then it still has, and afterwards the mapping is watched on. A path that can't be read is EFAULT.
// policy: file@1M:drop-behind
// policy: file@1M:lock=hot
// policy: file@1M:drop-behind,anon@1M:populate=async
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <dirent.h>
#include <sys/stat.h>

static size_t links_by(int way) {
    struct stat st;
    struct statx stx;
    char path[64];
    int proc = open("/proc/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), self = openat(proc, "self", O_RDONLY | O_CLOEXEC);
    CHECK(proc >= 0 && self >= 0);
    snprintf(path, sizeof path, "/proc/%d/task//", getpid());
    switch (way) {
    case 0: CHECK(stat("/proc/self/task", &st) == 0); break;
    case 1: CHECK(lstat(path, &st) == 0); break;
    case 2: CHECK(fstatat(proc, "self/task/", &st, 0) == 0); break;
    case 3: CHECK(fstatat(self, "task", &st, 0) == 0); break;
    case 4: CHECK(statx(proc, "self/task/", 0, STATX_NLINK, &stx) == 0 && (st.st_nlink = stx.stx_nlink)); break;
    }
    CHECK(close(proc) == 0 && close(self) == 0);
    return st.st_nlink;
}

static int entries_by(int way) {
    int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
    DIR *d = way ? opendir("/proc/self/task") : fdopendir(fd);
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    CHECK(closedir(d) == 0 && (!way || close(fd) == 0));
    return n;
}

static int field_by(int way) {
    char text[4096] = "";
    int n = -1;
    FILE *f = way == 1 ? fopen("/proc/self/stat", "re") : NULL;
    int fd = f ? fileno(f) : open(way ? "/proc/self/status" : "/proc/self/stat", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    if (way < 2)
        CHECK(sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d", &n) == 1);
    else
        CHECK(sscanf(strstr(text, "Threads:"), "Threads: %d", &n) == 1);
    CHECK((f ? fclose(f) : close(fd)) == 0);
    return n;
}

int main(void) {
    struct stat st;
    char *p = watched("file", MIB(8), 1), *q = map(MIB(64));
    CHECK(holds(p, MIB(8), 1));
    for (int way = 0; way < 5; way++) {
        CHECK(links_by(way) == 3);
        if (under_shim()) EVENTUALLY(watchers() >= 1);
    }
    for (int way = 0; way < 2; way++) {
        CHECK(entries_by(way) == 1);
        CHECK(field_by(way) == 1);
        CHECK(field_by(2) == 1);
        if (under_shim() && way) EVENTUALLY(watchers() >= 1);
    }
    if (policy_has("populate=async")) EVENTUALLY(resident(q, MIB(64)) == MIB(64));
    CHECK(stat((char *)1, &st) == -1 && errno == EFAULT);
    CHECK(open((char *)1, O_RDONLY) == -1 && errno == EFAULT);
    CHECK(stat("/proc/self/task/none", &st) == -1 && errno == ENOENT);
    CHECK(holds(p, MIB(8), 1));
    return 0;
}
