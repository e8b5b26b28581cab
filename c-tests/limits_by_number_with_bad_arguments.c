// setrlimit and prlimit64 by their numbers, with pointers and resources that are none, give what they give without us.
#include "test.h"
#include <sys/resource.h>
#include <sys/syscall.h>

int main(void) {
    int resources[] = {RLIMIT_CORE, RLIMIT_AS, RLIMIT_DATA, 999, -1};
    void *pointers[] = {NULL, (void *)8};
    for (int r = 0; r < 5; r++) {
        for (int p = 0; p < 2; p++) {
            errno = 0;
            long set = syscall(SYS_setrlimit, resources[r], pointers[p]);
            printf("setrlimit %d %d: %ld, errno %d\n", r, p, set, errno);
            errno = 0;
            long changed = syscall(SYS_prlimit64, 0, resources[r], pointers[p], NULL);
            printf("prlimit64 %d %d: %ld, errno %d\n", r, p, changed, errno);
        }
    }
    return 0;
}
