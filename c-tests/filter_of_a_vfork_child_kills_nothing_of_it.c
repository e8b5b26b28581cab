// A child that shares its parent's memory puts a filter on itself that kills for calls which only we would make: it maps,
// allocates and runs a program all the same. Its parent, which is under no filter, has its rules as before.
// policy: observe
// policy: anon@1M:populate,malloc@1M:huge+recycle
#include "test.h"
#include "seccomp.h"
#include "smaps.h"
#include <sched.h>

static const int only_ours[] = {SYS_getpid,    SYS_getppid, SYS_gettid,  SYS_faccessat, SYS_fgetxattr,
                                SYS_getrusage, SYS_madvise, SYS_mincore, SYS_munlock};
static const char *how;

static int child(void *kept) {
    struct sock_fprog *p = filter(only_ours, COUNT(only_ours), SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(1);
    // the first is refused, and ends nothing
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) == 0) _exit(2);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, p) != 0) _exit(3);
    char *m = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED || mprotect(m, MIB(1), PROT_READ) != 0 || munmap(m, MIB(4)) != 0) _exit(4);
    if (kept == NULL) {
        void *block = malloc(MIB(4)); // of the vfork child alone: the others run beside their parent, on its variables
        if (!block) _exit(5);
        free(block);
    }
    char *args[] = {(char *)how, (char *)"x", NULL}, *none[] = {NULL};
    if (how[0] == '/') execve(how, args, none);
    if (how[0] == 's') __builtin_trap();
    _exit(how[0] == '/' && access(how, X_OK) == 0);
}

static void ends(pid_t pid) {
    int status;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(how[0] == 's' ? WIFSIGNALED(status) && WTERMSIG(status) == SIGILL : WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// The parent's own rules hold after it.
static void parent_goes_on(void) {
    char *m = map(MIB(4));
    if (policy_has("populate")) CHECK(resident(m, MIB(4)) == MIB(4));
    CHECK(munmap(m, MIB(4)) == 0);
    free(malloc(MIB(4)));
}

int main(void) {
    static const char *const ways[] = {"/bin/true", "/not/there", "exit", "signal"};
    static char stack[KIB(64)] __attribute__((aligned(16)));
    parent_goes_on();
    for (size_t i = 0; i < 4 * COUNT(ways); i++) {
        how = ways[i % COUNT(ways)];
        pid_t pid = vfork();
        if (pid == 0) child(NULL);
        ends(pid);
        parent_goes_on();
        ends(clone(child, stack + sizeof stack, CLONE_VM | SIGCHLD, stack));
        parent_goes_on();
    }
    return 0;
}
