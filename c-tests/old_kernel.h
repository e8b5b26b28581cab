// Runs this program again under ptrace, with the system calls of later kernels answered as Linux 3.10 would: what it
// does not know fails, a flag that it does not know is not there. Include it after test.h.
#ifndef OLD_KERNEL_H
#define OLD_KERNEL_H
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#define MAP_FIXED_NOREPLACE_BIT 0x100000
#define PAGEMAP_SCAN_REQUEST 0xc0606610

// The errno with which Linux 3.10 answers this call, or 0.
static int refused_by_3_10(const struct user_regs_struct *r) {
    switch (r->orig_rax) {
    case SYS_madvise: // FREE 4.5, WIPEONFORK 4.14, COLD and PAGEOUT 5.4, POPULATE 5.14, DONTNEED_LOCKED 5.18, COLLAPSE 6.1
        return r->rdx == 8 || (r->rdx >= 18 && r->rdx <= 25) || r->rdx >= 102 ? EINVAL : 0;
    case SYS_mlock2:        // 4.4
    case SYS_memfd_create:  // 3.17
    case SYS_getrandom:     // 3.17
    case SYS_seccomp:       // 3.17
    case SYS_copy_file_range:
    case SYS_statx:
    case 334: // rseq
    case 435: // clone3
    case 439: // faccessat2
        return ENOSYS;
    case SYS_ioctl:
        return (unsigned)r->rsi == PAGEMAP_SCAN_REQUEST ? ENOTTY : 0;
    default:
        return 0;
    }
}

// In the traced process: returns, and the test goes on. In its tracer: never returns.
static void on_linux_3_10(char **argv) {
    if (argv[1]) return;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        char *again[] = {argv[0], (char *)"child", NULL};
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) SKIP("no ptrace here");
        raise(SIGSTOP);
        execv("/proc/self/exe", again);
        _exit(1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
    CHECK(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
    int entering = 1, answer = 0;
    for (int signal = 0;;) {
        CHECK(ptrace(PTRACE_SYSCALL, pid, 0, signal) == 0 && waitpid(pid, &status, 0) == pid);
        if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
        CHECK(!WIFSIGNALED(status));
        signal = 0;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
            if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) signal = WSTOPSIG(status);
            continue;
        }
        struct user_regs_struct r;
        CHECK(ptrace(PTRACE_GETREGS, pid, 0, &r) == 0);
        if (entering && (answer = refused_by_3_10(&r)) != 0) {
            r.orig_rax = (unsigned long)-1;
            CHECK(ptrace(PTRACE_SETREGS, pid, 0, &r) == 0);
        } else if (entering && r.orig_rax == SYS_mmap && (r.r10 & MAP_FIXED_NOREPLACE_BIT)) {
            r.r10 &= ~(unsigned long)MAP_FIXED_NOREPLACE_BIT;
            CHECK(ptrace(PTRACE_SETREGS, pid, 0, &r) == 0);
        } else if (!entering && answer != 0) {
            r.rax = (unsigned long)-answer;
            CHECK(ptrace(PTRACE_SETREGS, pid, 0, &r) == 0);
        }
        entering = !entering;
    }
}

#endif
