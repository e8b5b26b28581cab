// A program built with ThreadSanitizer, which ends at once if anything is mapped where it expects nothing, runs from a
// program under the shim, by exec and from a shell, and is counted as not reached.
// build or skip: helper -fsanitize=thread -DHELPER
// some page: not_reached >= 1, end = exec
#include "test.h"

int main(void) {
#ifdef HELPER
    char *p = malloc(100);
    p[0] = 1;
    free(p);
#else
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (i == 0) execl(HERE "/helper", "helper", (char *)NULL);
            else execl("/bin/sh", "sh", "-c", HERE "/helper && exit 0; exit 1", (char *)NULL);
            _exit(1);
        }
        ends_well(pid);
    }
#endif
    return 0;
}
