// A crash handler on a signal stack of 8 KiB (or, where the kernel itself needs much of that, of 4 KiB more than it
// needs) can run another program in the process's place.
// cflags: -Wl,-z,now
#include "test.h"
#include <sys/auxv.h>
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

extern char **environ;
static volatile int how;

static void on_crash(int signal) {
    (void)signal;
    char *argv[] = {"true", NULL};
    switch (how) {
    case 0: execve("/bin/true", argv, environ); break;
    case 1: execl("/bin/true", "true", (char *)NULL); break;
    case 2: execv("/bin/true", argv); break;
    }
    _exit(1);
}

int main(void) {
    size_t size = getauxval(AT_MINSIGSTKSZ) + KIB(4), whole;
    if (size < KIB(8)) size = KIB(8);
    whole = (size + PAGE - 1) & -PAGE;
    char *low = map(whole + PAGE);
    CHECK(mprotect(low, PAGE, PROT_NONE) == 0);
    stack_t stack = {.ss_sp = low + PAGE, .ss_size = size};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};
    CHECK(sigaltstack(&stack, NULL) == 0 && sigaction(SIGSEGV, &action, NULL) == 0);
    for (how = 0; how < 3; how++) {
        pid_t pid = fork();
        if (pid == 0) *(volatile int *)NULL = 1;
        ends_well(pid);
    }
    return 0;
}
