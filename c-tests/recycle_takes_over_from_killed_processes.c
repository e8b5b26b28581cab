// What processes of the tree had kept when they were killed counts against nobody: the next one keeps as much.
// policy: malloc@1M:recycle
// policy: throughput
// page: recycled >= 40
#include "test.h"
#include <malloc.h>

static void keep(void) {
    static char *p[12];
    for (int i = 0; i < 12; i++) {
        p[i] = malloc(MIB(20));
        CHECK(p[i]);
        p[i][0] = 1;
    }
    for (int i = 0; i < 12; i++) free(p[i]);
}

int main(void) {
    free(malloc(MIB(20))); // so that the tree begins here
    malloc_trim(0);
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            keep();
            raise(SIGKILL);
        }
        int status;
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    }
    for (int i = 0; i < 50; i++) {
        char *p = malloc(MIB(20));
        CHECK(p);
        p[0] = 1;
        free(p);
    }
    return 0;
}
