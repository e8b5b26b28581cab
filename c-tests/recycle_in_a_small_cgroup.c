// In a memory cgroup with room for one block and no more, a program that frees each before it takes the next, larger one is
// not killed for want of memory.
// policy: malloc@1M:recycle
// policy: throughput
// serial: a cgroup of its own
#include "test.h"
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

static void use(size_t n) {
    char *p = malloc(n);
    CHECK(p);
    memset(p, 1, n);
    free(p);
}

static void work(int how) {
    if (how == 0) {
        for (size_t i = 0; i < 3; i++) use(MIB(150) + i * MIB(50));
    } else if (how == 1) { // what is kept, and then a mapping
        use(MIB(100)), use(MIB(80));
        memset(map(MIB(250)), 1, MIB(250));
    } else { // and then small blocks
        use(MIB(100)), use(MIB(80));
        for (int i = 0; i < 250000; i++) {
            char *p = malloc(1000);
            CHECK(p);
            *p = 1;
            if (i == 100000) usleep(150000); // what is known of the group by then is old
        }
    }
}

int main(void) {
    const char *roots[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
    int made = 0;
    for (int i = 0; i < 2 && !made; i++) {
        snprintf(group, sizeof group, "%s/faultless-test-%d", roots[i], (int)getpid());
        made = mkdir(group, 0755) == 0;
        if (made && !put("memory.limit_in_bytes", "300M") && !put("memory.max", "300M")) {
            rmdir(group);
            made = 0;
        }
    }
    if (!made) SKIP("no memory cgroup can be made here");
    put("memory.swap.max", "0"), put("memory.swappiness", "0");
    int status[3] = {0, 0, 0};
    for (int how = 0; how < 3; how++) {
        pid_t pid = fork();
        if (pid == 0) {
            char self[16];
            snprintf(self, sizeof self, "%d", (int)getpid());
            if (!put("cgroup.procs", self)) _exit(77);
            work(how);
            _exit(0);
        }
        CHECK(pid > 0 && waitpid(pid, &status[how], 0) == pid);
    }
    rmdir(group);
    for (int how = 0; how < 3; how++) {
        if (WIFEXITED(status[how]) && WEXITSTATUS(status[how]) == 77) SKIP("no process can be put into a cgroup here");
        CHECK(status[how] == 0);
    }
    return 0;
}
