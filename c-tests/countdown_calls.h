// Counts the system calls of a function. Include it after test.h.
#ifndef COUNTDOWN_CALLS_H
#define COUNTDOWN_CALLS_H
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

// The system calls that `work` makes in a forked child, which calls it once before that too.
static long calls_of(void (*work)(void)) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) SKIP("no ptrace here");
        work();
        raise(SIGSTOP);
        syscall(SYS_getppid);
        work();
        syscall(SYS_getppid);
        _exit(0);
    }
    int status, marks = 0;
    long calls = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
    CHECK(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
    for (int is_entry = 1;;) {
        CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0 && waitpid(pid, &status, 0) == pid);
        if (WIFEXITED(status)) break;
        CHECK(WIFSTOPPED(status));
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
        struct user_regs_struct regs;
        CHECK(ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0);
        if (is_entry && regs.orig_rax == SYS_getppid) marks++;
        else if (is_entry && marks == 1) calls++;
        is_entry = !is_entry;
    }
    CHECK(marks == 2 && WEXITSTATUS(status) == 0);
    return calls;
}
#endif
