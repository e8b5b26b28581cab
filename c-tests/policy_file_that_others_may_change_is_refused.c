// A file of rules that somebody else may change, or that is no file, is refused in one line, and the program runs as without
// the shim; one that is ours or root's alone is followed.
// policy: observe
#include "test.h"
#include "smaps.h"
#include <sys/stat.h>

static void run(const char *file, int refused) {
    char said[4096];
    int ends[2];
    CHECK(setenv("FAULTLESS_POLICY", file, 1) == 0 && pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 2);
        close(ends[0]), close(ends[1]);
        execl("/proc/self/exe", "child", refused || !under_shim() ? "" : "nh", (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    size_t n = 0;
    for (ssize_t got; n < sizeof said - 1 && (got = read(ends[0], said + n, sizeof said - 1 - n)) > 0;) n += (size_t)got;
    said[n] = 0;
    close(ends[0]);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (status != 0) dprintf(2, "%s: %s\n", file, said);
    CHECK(status == 0);
    char *line = strchr(said, '\n');
    if (under_shim() && refused) CHECK(strncmp(said, "faultless: FAULTLESS_POLICY: ", 29) == 0 && line && line[1] == 0);
    else CHECK(n == 0);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        char *p = map(MIB(8));
        CHECK((smaps_flagged(p, MIB(8), "nh") > 0) == (strcmp(argv[1], "nh") == 0));
        return 0;
    }
    char here[4000], path[5000];
    CHECK(getcwd(here, sizeof here) != NULL);
    static const char rules[] = "anon@1M:nohuge\n";
    int root = geteuid() == 0;
    uid_t us = geteuid();
    struct { const char *name; mode_t mode; uid_t user; gid_t group; int refused; } files[] = {
        {"own", 0644, us, us, 0},       {"private-group", 0664, us, us, 0}, {"anybody", 0666, us, us, 1},
        {"group", 0664, us, 12345, 1},  {"others", 0644, 12345, us, 1},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int fd = open(files[i].name, O_WRONLY | O_CREAT, 0600);
        CHECK(fd >= 0 && write(fd, rules, sizeof rules - 1) == sizeof rules - 1);
        if (fchown(fd, files[i].user, files[i].group) != 0) {
            CHECK(!root && close(fd) == 0);
            continue; // only root may give files away
        }
        CHECK(fchmod(fd, files[i].mode) == 0 && close(fd) == 0);
        snprintf(path, sizeof path, "%s/%s", here, files[i].name);
        run(path, files[i].refused);
    }
    CHECK(mkfifo("fifo", 0600) == 0); // nobody writes into it: who opened it as a file would wait for ever
    snprintf(path, sizeof path, "%s/fifo", here);
    run(path, 1);
    return 0;
}
