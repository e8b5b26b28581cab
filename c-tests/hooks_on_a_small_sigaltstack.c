// Every hook may run on a signal stack that has only 2.5 KiB to spare beside what the kernel itself puts there.
// cflags: -Wl,-z,now
#include "test.h"
#include <sys/auxv.h>
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

static volatile sig_atomic_t failed;

static void on_signal(int signal) {
    (void)signal;
    char *p = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        failed = 1;
        return;
    }
    p[0] = 1;
    failed |= madvise(p, MIB(2), MADV_DONTNEED) != 0 || p[0] != 0;
    failed |= mprotect(p, PAGE, PROT_READ) != 0 || mprotect(p, PAGE, PROT_READ | PROT_WRITE) != 0;
    p = mremap(p, MIB(4), MIB(6), MREMAP_MAYMOVE);
    failed |= p == MAP_FAILED || munmap(p, MIB(6)) != 0;
    // raise() is where the main flow stands, so that malloc is allowed here
    char *q = malloc(MIB(3));
    failed |= q == NULL;
    q = realloc(q, MIB(5));
    failed |= q == NULL;
    free(q);
}

int main(void) {
    size_t kernel = getauxval(AT_MINSIGSTKSZ) ? getauxval(AT_MINSIGSTKSZ) : 2048;
    size_t size = kernel + 2560, whole = (size + PAGE - 1) & -PAGE;
    char *low = map(whole + PAGE);
    CHECK(mprotect(low, PAGE, PROT_NONE) == 0);
    stack_t stack = {.ss_sp = low + PAGE, .ss_size = whole};
    // the handler begins right below the top, so the part that would be too much is kept from it by its size
    stack.ss_size = size;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    CHECK(sigaltstack(&stack, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    free(malloc(MIB(3)));
    for (int i = 0; i < 50; i++) CHECK(raise(SIGUSR1) == 0);
    CHECK(!failed);
    return 0;
}
