// A program is started under a filter that kills for prctl, and core files have no limit: what is tried in a copy of it leaves
// none.
// policy: anon@1M:lock
// policy: file:drop-behind
// some page: exe = trial_that_a_filter_kills_leaves_no_core_file, seccomp = 1, end = exit
#include "test.h"
#include "seccomp.h"
#include <dirent.h>
#include <sys/resource.h>

#define NAME "trial_that_a_filter_kills_leaves_no_core_file"

static int cores(void) {
    DIR *d = opendir(".");
    CHECK(d != NULL);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += strncmp(e->d_name, "core", 4) == 0;
    closedir(d);
    return n;
}

static void tries(void) {
    char *m = map(MIB(4));
    int fd = file_of("file", MIB(8), 1);
    CHECK(close(fd) == 0 && (fd = open("file", O_RDONLY)) >= 0 && read(fd, m, MIB(1)) == MIB(1) && close(fd) == 0);
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        tries();
        return 0;
    }
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_CORE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_max <= 1) SKIP("no core file may be written here");
    CHECK(setrlimit(RLIMIT_CORE, &limit) == 0);
    int before = cores();
    pid_t pid = fork();
    if (pid == 0) {
        static const int calls[] = {SYS_prctl};
        struct sock_fprog *f = filter(calls, COUNT(calls), SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) SKIP("no seccomp here");
        CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, f) == 0);
        execl(HERE "/" NAME, NAME, "child", (char *)NULL);
        _exit(1);
    }
    ends_well(pid);
    CHECK(cores() == before);
    return 0;
}
