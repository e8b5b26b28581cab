// FAULTLESS_REPORT=json=PATH writes one object to that file, {exe} and {pid} filled in, and nothing to stderr.
#include "test.h"

#define NAME "report_goes_to_the_file_asked_for"

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) return munmap(map(MIB(8)), MIB(8));
    char here[4000], text[5000];
    CHECK(getcwd(here, sizeof here) != NULL);
    snprintf(text, sizeof text, "json=%s/{exe}-{pid}.json", here);
    setenv("FAULTLESS_REPORT", text, 1);
    pid_t pid = fork();
    if (pid == 0) {
        execl(HERE "/" NAME, NAME, "child", (char *)NULL);
        _exit(1);
    }
    ends_well(pid);
    setenv("FAULTLESS_REPORT", "none", 1);
    snprintf(text, sizeof text, NAME "-%d.json", pid);
    int fd = open(text, O_RDONLY);
    CHECK((fd >= 0) == under_shim());
    if (fd >= 0) {
        static char json[1 << 20];
        ssize_t n = read(fd, json, sizeof json - 1);
        CHECK(n > 100 && json[0] == '{' && json[n - 1] == '\n' && json[n - 2] == '}' && strstr(json, "\"mmap_calls\""));
    }
    return 0;
}
