// The old strict mode, in which only read, write, exit and sigreturn are left: the program still computes and leaves.
// page: state = sealed, end = none
#include "test.h"
#include "seccomp.h"

int main(void) {
    char *p = malloc(MIB(4));
    CHECK(p != NULL);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(77);
    fill(p, MIB(4), 1);
    if (!holds(p, MIB(4), 1)) syscall(SYS_exit, 1);
    syscall(SYS_exit, 0);
    return 1;
}
