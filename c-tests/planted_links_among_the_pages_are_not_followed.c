// Links under the names that the shim gives, to files of ours: nothing is written through them, and the program runs on.
// policy: any:huge+populate+lock
#include "test.h"
#include <sys/stat.h>

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        free(malloc(MIB(2)));
        return munmap(map(MIB(2)), MIB(2));
    }
    char here[4000], path[5000];
    CHECK(getcwd(here, sizeof here) != NULL);
    CHECK(mkdir("pages", 0700) == 0 && close(open("victim", O_WRONLY | O_CREAT, 0600)) == 0);
    // What all processes of a tree share is under a name that can be known before.
    snprintf(path, sizeof path, "%s/victim", here);
    CHECK(symlink(path, "pages/tree.0000000000000abc") == 0);
    snprintf(path, sizeof path, "%s/pages", here);
    CHECK(setenv("FAULTLESS_PAGES", path, 1) == 0 && setenv("FAULTLESS_TREE", "0000000000000abc", 1) == 0);
    for (int run = 0; run < 2; run++) {
        pid_t pid = fork();
        if (pid == 0) {
            execl("/proc/self/exe", "child", "", (char *)NULL);
            _exit(1);
        }
        ends_well(pid);
        struct stat st;
        CHECK(stat("victim", &st) == 0 && st.st_size == 0);
        CHECK(lstat("pages/tree.0000000000000abc", &st) == 0);
        // Now without the link: the same name is made, so it was the name that counts.
        CHECK(S_ISLNK(st.st_mode) == (run == 0));
        if (run == 0) CHECK(unlink("pages/tree.0000000000000abc") == 0);
        if (run == 0 && !under_shim()) break;
    }
    return 0;
}
