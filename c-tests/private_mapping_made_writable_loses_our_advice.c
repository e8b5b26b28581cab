// A private mapping of a file that has been turned to random becomes writable: what is memory of its own from then on has no
// advice that the program has not given.
// policy: file@4M:auto
// serial: a cgroup of its own
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/stat.h>

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
    size_t n = MIB(192);
    int fd = open("file", O_RDONLY | O_CLOEXEC);
    char *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED);
    if (!under_shim()) _exit(0);
    unsigned random = 1;
    for (int turn = 0; turn < 60000 && smaps_flagged(p, n, "rr") == 0; turn++)
        for (int i = 0; i < 50; i++) {
            random = random * 1103515245 + 12345;
            (void)*(volatile char *)(p + (random >> 4) % (n / PAGE) * PAGE);
        }
    if (smaps_flagged(p, n, "rr") == 0) _exit(77);
    CHECK(mprotect(p + MIB(1), n / 2, PROT_READ | PROT_WRITE) == 0);
    for (int i = 0; i < 50; i++) {
        CHECK(smaps_flagged(p + MIB(1), n / 2, "rr") == 0);
        usleep(10000);
    }
    _exit(0);
}

int main(void) {
    const char *roots[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
    int made = 0, fd = file_of("file", MIB(192), 1);
    evict(fd);
    for (int i = 0; i < 2 && !made; i++) {
        snprintf(group, sizeof group, "%s/faultless-test-%d", roots[i], (int)getpid());
        made = mkdir(group, 0755) == 0;
        if (made && !put("memory.limit_in_bytes", "64M") && !put("memory.max", "64M")) {
            rmdir(group);
            made = 0;
        }
    }
    if (!made) SKIP("no memory cgroup can be made here");
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        char self[16];
        snprintf(self, sizeof self, "%d", (int)getpid());
        if (!put("cgroup.procs", self)) _exit(78);
        work();
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    for (int i = 0; i < 100 && rmdir(group) != 0; i++) usleep(10000);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 78) SKIP("no process can be put into a cgroup here");
    CHECK(status == 0);
    return 0;
}
