// With FAULTLESS_REPORT=auto a bare preload says one line, from the process that nobody of ours started and in which a
// rule matched; its children say nothing. Without a rule nobody does.
// stderr [throughput]: ^faultless: [^\n]*\n$
// stderr [latency]: ^faultless: [^\n]*\n$
// stderr [everything]: ^faultless: [^\n]*\n$
#include "test.h"
#include <sys/stat.h>

int main(int argc, char **argv) {
    (void)argv;
    if (argc == 1) {
        // as if LD_PRELOAD had been set by hand, in a process whose parent is none of ours
        char here[4000];
        CHECK(mkdir("pages", 0700) == 0 && realpath("pages", here) && setenv("FAULTLESS_PAGES", here, 1) == 0);
        unsetenv("FAULTLESS_TREE");
        setenv("FAULTLESS_REPORT", "auto", 1);
        execl(HERE "/auto_report_is_one_line", "auto_report_is_one_line", "bare", (char *)NULL);
        return 1;
    }
    char *p = map(MIB(8));
    p[0] = 1;
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) exit(munmap(map(MIB(8)), MIB(8)));
        ends_well(pid);
    }
    return 0;
}
