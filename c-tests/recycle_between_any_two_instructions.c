// Another thread may take the very block that malloc is about to take, make it smaller, and free it again, between any two
// steps of ours. What malloc gives is as large as was asked for all the same, and nobody else has it.
// policy: malloc@1M:recycle
#include "test.h"
#include <link.h>
#include <malloc.h>
#include <ucontext.h>

#ifndef __x86_64__
int main(void) { SKIP("single steps are x86-64's here"); }
#else
enum { TRAP_FLAG = 0x100 };
static const size_t SIZE = MIB(16), LESS = MIB(16) - KIB(512);
static volatile long left, is_interrupted, is_stepping;

// Where the C library's code lies: its malloc, which ours asks too, locks, and must not be entered anew.
static uintptr_t libc_from, libc_to;

static int find_libc(struct dl_phdr_info *object, size_t size, void *data) {
    (void)size, (void)data;
    if (!object->dlpi_name || !strstr(object->dlpi_name, "/libc.so.6")) return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        libc_from = object->dlpi_addr + part->p_vaddr, libc_to = libc_from + part->p_memsz;
    }
    return 1;
}

// The other thread's part, in a handler: ours locks nothing, so that this is as good as a thread. The processor clears the flag
// for the handler itself.
static void on_step(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
    if (!is_stepping) *flags &= ~(greg_t)TRAP_FLAG;
    uintptr_t at = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    if (!is_stepping || (at >= libc_from && at < libc_to) || left-- > 0) return;
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
    CHECK(sigaction(SIGTRAP, &action, NULL) == 0 && dl_iterate_phdr(find_libc, NULL) == 1 && libc_to);
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
