// A collector's write barrier: pages are protected, the SIGSEGV handler unprotects one and goes on. Each page faults
// once, as without the shim.
#include "test.h"

static char *heap;
static volatile int faults;

static void on_fault(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    char *page = (char *)((uintptr_t)info->si_addr & -PAGE);
    if (page < heap || page >= heap + MIB(4)) _exit(3);
    faults++;
    if (mprotect(page, PAGE, PROT_READ | PROT_WRITE) != 0) _exit(4);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    heap = map(MIB(4));
    for (int round = 0; round < 3; round++) {
        CHECK(mprotect(heap, MIB(4), round ? PROT_READ : PROT_NONE) == 0);
        faults = 0;
        for (size_t at = 0; at < MIB(4); at += 512) heap[at]++;
        printf("%d faults\n", faults);
    }
    CHECK(is_zero(heap + 1, 511) && heap[0] == 3 && heap[MIB(4) - 512] == 3);
    return 0;
}
