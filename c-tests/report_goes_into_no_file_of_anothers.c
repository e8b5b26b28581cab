// A report is not written through a link, nor into a file that belongs to another user than root and ourselves: whoever
// planted it would read it, or have us write where they could not.
// policy: observe
#include "test.h"
#include <sys/stat.h>

static off_t after_a_report_to(const char *name) {
    char here[4000], text[5000];
    CHECK(getcwd(here, sizeof here) != NULL);
    snprintf(text, sizeof text, "text=%s/%s", here, name);
    CHECK(setenv("FAULTLESS_REPORT", text, 1) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "child", "", (char *)NULL);
        _exit(1);
    }
    ends_well(pid);
    struct stat st;
    CHECK(stat(name, &st) == 0);
    return st.st_size;
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) return 0;
    const char *names[] = {"own", "target", "foreign"};
    for (int i = 0; i < 3; i++) CHECK(close(open(names[i], O_WRONLY | O_CREAT, 0600)) == 0);
    CHECK(symlink("target", "link") == 0);
    CHECK((after_a_report_to("own") > 0) == under_shim());
    CHECK(after_a_report_to("link") == 0);
    if (geteuid() == 0) {
        CHECK(chown("foreign", 12345, 12345) == 0 && chmod("foreign", 0666) == 0);
        CHECK(after_a_report_to("foreign") == 0);
    }
    return 0;
}
