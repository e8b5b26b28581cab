// Seccomp filters in a few lines. Include it after test.h.
#ifndef SECCOMP_H
#define SECCOMP_H
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

static struct sock_filter seccomp_code[64];
static struct sock_fprog seccomp_program = {0, seccomp_code};

// Builds the filter: the named syscalls get `listed`, all others `others`.
__attribute__((unused)) static struct sock_fprog *filter(const int *calls, size_t n, unsigned listed, unsigned others) {
    struct sock_filter *f = seccomp_code;
    *f++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < n; i++)
        *f++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], (unsigned char)(n - i), 0);
    *f++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, others);
    *f++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, listed);
    seccomp_program.len = (unsigned short)(f - seccomp_code);
    return &seccomp_program;
}

// What a sandboxed worker that only computes may call; anything else kills it.
static const int computing[] = {SYS_mmap,      SYS_munmap, SYS_mremap,       SYS_mprotect,   SYS_brk,       SYS_write,
                                SYS_exit,      SYS_futex,  SYS_rt_sigreturn, SYS_exit_group, SYS_newfstatat, SYS_fstat,
                                SYS_rt_sigprocmask};
// What a filter that allows all but the dangerous kills on.
static const int suspicious[] = {
#ifdef SYS_open
    SYS_open,
#endif
    SYS_mlock, SYS_mlock2,    SYS_munlock,   SYS_madvise, SYS_openat, SYS_getrusage,
    SYS_prctl, SYS_ftruncate, SYS_fallocate, SYS_clone,   SYS_fcntl,  SYS_mincore};
#define COUNT(array) (sizeof(array) / sizeof *(array))

// Maps, allocates, moves and frees, with content checks.
__attribute__((unused)) static void compute(void) {
    for (int i = 0; i < 30; i++) {
        char *p = map(MIB(4)), *q = (char *)malloc(MIB(4));
        CHECK(q != NULL);
        fill(p, MIB(1), 1), fill(q, MIB(1), 2);
        p = (char *)mremap(p, MIB(4), MIB(8), MREMAP_MAYMOVE);
        q = (char *)realloc(q, MIB(9));
        CHECK(p != MAP_FAILED && q && holds(p, MIB(1), 1) && holds(q, MIB(1), 2));
        CHECK(mprotect(p, MIB(1), PROT_READ) == 0 && munmap(p, MIB(8)) == 0);
        free(q);
    }
}

#endif
