// A vfork child that uses up the countdown leaves its parent's memory and countdown in order.
#include "test.h"
#include <spawn.h>

int main(void) {
    for (int i = 0; i < 20; i++) {
        volatile char *kept = NULL;
        pid_t pid = vfork();
        if (pid == 0) {
            for (int k = 0; k < 200; k++) kept = (volatile char *)malloc(3000);
            _exit(kept != NULL ? 0 : 1);
        }
        ends_well(pid);
        for (int k = 0; k < 100; k++) {
            char *p = (char *)malloc(3000);
            CHECK(p != NULL);
            fill(p, 3000, (unsigned)k);
            CHECK(holds(p, 3000, (unsigned)k));
        }
    }
    return 0;
}
