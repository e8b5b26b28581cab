// In a memory cgroup in which what a rule locked leaves too little for what the program takes next, the lock goes, and the
// program is not killed for want of memory.
// policy: file@32M:lock
// policy: any@32M:lock
// serial: a cgroup of its own
#include "test.h"
#include "smaps.h"
#include <sys/stat.h>
#include <sys/wait.h>

static char group[128];

static int put(const char *file, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    int written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return written;
}

static void work(void) {
    int fd = file_of("locked", MIB(64), 1);
    char *p = mmap(NULL, MIB(64), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    if (under_shim()) CHECK(smaps_flagged(p, MIB(64), "lo") == MIB(64));
    char *more[130];
    for (int i = 0; i < 130; i++) {
        more[i] = malloc(MIB(1));
        CHECK(more[i]);
        memset(more[i], i, MIB(1));
        usleep(2000);
    }
    CHECK(smaps_flagged(p, MIB(64), "lo") == 0 && holds(p, MIB(64), 1));
}

int main(void) {
    const char *roots[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
    int made = 0;
    for (int i = 0; i < 2 && !made; i++) {
        snprintf(group, sizeof group, "%s/faultless-test-%d", roots[i], (int)getpid());
        made = mkdir(group, 0755) == 0;
        if (made && !put("memory.limit_in_bytes", "170M") && !put("memory.max", "170M")) {
            rmdir(group);
            made = 0;
        }
    }
    if (!made) SKIP("no memory cgroup can be made here");
    put("memory.swap.max", "0"), put("memory.swappiness", "0");
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (!put("cgroup.procs", "0")) _exit(77);
        work();
        exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    for (int i = 0; i < 100 && rmdir(group) != 0; i++) usleep(10000);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}
