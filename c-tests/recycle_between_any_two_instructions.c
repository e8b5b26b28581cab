// Another thread may take the very block that malloc is about to take, make it smaller, and free it again, between any two
// steps of ours. What malloc gives is as large as was asked for all the same, and nobody else has it.
// policy: malloc@1M:recycle
#include "test.h"
#include <malloc.h>
#include <ucontext.h>

#ifndef __x86_64__
int main(void) { SKIP("single steps are x86-64's here"); }
#else
enum { TRAP_FLAG = 0x100 };
static const size_t SIZE = MIB(16), LESS = MIB(16) - KIB(512);
static volatile long left, is_interrupted, is_stepping;

// The other thread's part, in a handler: ours locks nothing, so that this is as good as a thread. The processor clears the flag
// for the handler itself.
static void on_step(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
    if (!is_stepping) *flags &= ~(greg_t)TRAP_FLAG;
    if (!is_stepping || left-- > 0) return;
    *flags &= ~(greg_t)TRAP_FLAG;
    is_stepping = 0, is_interrupted = 1;
    char *p = malloc(SIZE);
    CHECK(p);
    p = realloc(p, LESS);
    CHECK(p);
    free(p);
}

// Single steps from here on; the red zone is left alone.
#define STEP() __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::: "memory", "cc")

int main(void) {
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGTRAP, &action, NULL) == 0);
    long step = 0; // every fourth: what lies between a look and the change that it is for takes more
    do {
        free(malloc(SIZE));
        if (!under_shim()) break; // glibc locks what a handler would need
        left = step += 4, is_interrupted = 0, is_stepping = 1;
        STEP();
        char *p = malloc(SIZE);
        is_stepping = 0; // the next step's handler ends it
        CHECK(p);
        memset(p, 1, PAGE), memset(p + SIZE - PAGE, 1, PAGE);
        CHECK(malloc_usable_size(p) >= SIZE);
        char *q = malloc(LESS);
        CHECK(q && q != p);
        memset(q, 2, PAGE), memset(q + LESS - PAGE, 2, PAGE);
        CHECK(p[0] == 1 && p[PAGE - 1] == 1 && p[SIZE - 1] == 1);
        free(p), free(q);
        malloc_trim(0);
    } while (is_interrupted && step < 20000);
    CHECK(step < 20000);
    if (under_shim()) CHECK(step > 100);
    return 0;
}
#endif
