// The folder of the counter pages is missing, below something missing, a file, a link, read-only, or somebody
// else's; the program runs on and says nothing, and nothing appears behind the link or in what is another's.
#include "test.h"
#include <dirent.h>
#include <sys/stat.h>

static int entries(const char *folder) {
    DIR *d = opendir(folder);
    CHECK(d != NULL);
    int n = -2;
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        free(malloc(MIB(2)));
        return munmap(map(MIB(2)), MIB(2));
    }
    CHECK(mkdir("target", 0700) == 0 && symlink("target", "link") == 0);
    CHECK(mkdir("foreign", 0777) == 0 && chmod("foreign", 0777) == 0);
    int root = geteuid() == 0;
    if (root) CHECK(chown("foreign", 12345, 12345) == 0);
    CHECK(mkdir("readonly", 0500) == 0 && close(file_of("file", 10, 1)) == 0);
    const char *folders[] = {"missing", "missing/too/deep", "file", "link", "readonly", "foreign",
                             "/proc/self", "/dev/null", "\xff\xfe"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char here[4000], path[5000];
        CHECK(getcwd(here, sizeof here) != NULL);
        snprintf(path, sizeof path, folders[i][0] == '/' ? "%.0s%s" : "%s/%s", here, folders[i]);
        CHECK(setenv("FAULTLESS_PAGES", path, 1) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            execl("/proc/self/exe", "child", "", (char *)NULL);
            _exit(1);
        }
        ends_well(pid);
    }
    CHECK(entries("target") == 0);
    if (root) CHECK(entries("foreign") == 0);
    return 0;
}
