// A FAULTLESS_HEAT that is no heat map, or a damaged one, is a bad value: said in one line, and the program runs as alone.
// policy: file@4M:lock=hot
#include "test.h"
#include "smaps.h"

#define SIZE MIB(8)

static const char *const bad[] = {
    "", "junk\n", "faultless heat 2\n", "faultless heat 1\nregion 0 8388608 65536 0 8388608 0 /x\n000\n",
    "faultless heat 1\nregion ffffffffffff0000 8388608 65536 0 0 0 /x\n000\n", "faultless heat 1\nregion\n",
};

// Runs itself with such a file, and returns what it wrote to its standard error.
static void run_with(const char *text, char *said, size_t room, char **args) {
    int fd = open("heat", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), ends[2];
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0 && pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *path = realpath("heat", NULL);
        CHECK(path != NULL && dup2(ends[1], 2) == 2 && setenv("FAULTLESS_HEAT", path, 1) == 0);
        execv("/proc/self/exe", args);
        _exit(9);
    }
    close(ends[1]);
    size_t filled = 0;
    for (ssize_t n; filled < room - 1 && (n = read(ends[0], said + filled, room - 1 - filled)) > 0;) filled += n;
    said[filled] = 0;
    close(ends[0]);
    ends_well(pid);
}

int main(int count, char **args) {
    (void)count;
    if (getenv("FAULTLESS_HEAT")) {
        int fd = file_of("file", SIZE, 1);
        char *p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
        CHECK(p != MAP_FAILED && smaps_flagged(p, SIZE, "lo") == 0 && holds(p, SIZE, 1));
        return 0;
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char said[4096];
        run_with(bad[i], said, sizeof said, args);
        if (policy_has("lock=hot")) {
            char *line = strstr(said, "faultless: FAULTLESS_HEAT: ");
            CHECK(line != NULL && strchr(line, '\n') == line + strlen(line) - 1);
        } else {
            CHECK(*said == 0);
        }
    }
    return 0;
}
