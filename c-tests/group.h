// A memory cgroup of the test's own, version 1 or 2. Include it after test.h.
#ifndef GROUP_H
#define GROUP_H
#include <sys/stat.h>
#include <sys/wait.h>

static char group[128];

// Writes to one of its files. False: there is none, or it refuses.
static int group_put(const char *file, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    int written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return written;
}

// Makes it, without swap; SKIPs where that can't be had.
static void group_make(const char *limit) {
    const char *roots[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
    int made = 0;
    for (int i = 0; i < 2 && !made; i++) {
        snprintf(group, sizeof group, "%s/faultless-test-%d", roots[i], (int)getpid());
        made = mkdir(group, 0755) == 0;
        if (made && !group_put("memory.limit_in_bytes", limit) && !group_put("memory.max", limit)) {
            rmdir(group);
            made = 0;
        }
    }
    if (!made) SKIP("no memory cgroup can be made here");
    group_put("memory.swap.max", "0"), group_put("memory.swappiness", "0");
}

// Removes it, once all that was in it has ended.
static void group_remove(void) {
    for (int i = 0; i < 100 && rmdir(group) != 0; i++) usleep(10000);
}

// Runs `work` in a child in it. The status that the child ends with; SKIPs where no process can be put there.
static int group_run(void (*work)(int), int how) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        char self[16];
        snprintf(self, sizeof self, "%d", (int)getpid());
        if (!group_put("cgroup.procs", self)) _exit(78);
        work(how);
        exit(0);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 78) {
        group_remove();
        SKIP("no process can be put into a cgroup here");
    }
    return status;
}

#endif
