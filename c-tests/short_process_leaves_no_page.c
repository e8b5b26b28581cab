// A process to which nothing happened and that is soon gone leaves no page, unless `faultless run` asked for the tree:
// a shell script that starts ten thousand of them fills no folder.
// policy: observe
// policy: throughput
#include "test.h"
#include <dirent.h>

#define NAME "short_process_leaves_no_page"

static int entries(const char *folder) {
    DIR *d = opendir(folder);
    CHECK(d != NULL);
    int n = 0;
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) return 0;
    unsetenv("FAULTLESS_TREE");
    int before = entries(getenv("FAULTLESS_PAGES"));
    for (int i = 0; i < 5; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            execl(HERE "/" NAME, NAME, "child", (char *)NULL);
            _exit(1);
        }
        ends_well(pid);
    }
    CHECK(entries(getenv("FAULTLESS_PAGES")) == before);
    return 0;
}
