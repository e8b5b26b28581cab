// A program that is started under a filter which refuses to make files, shared memory and reports (EPERM to fallocate,
// ftruncate, mkdir, memfd_create, getrusage) runs as without the shim.
// pages: may be missing
#include "test.h"
#include "seccomp.h"

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        compute();
        return 0;
    }
    static const int calls[] = {SYS_fallocate, SYS_ftruncate, SYS_mkdir, SYS_mkdirat, SYS_memfd_create, SYS_getrusage};
    struct sock_fprog *f = filter(calls, COUNT(calls), SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) SKIP("no seccomp here");
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, f) == 0);
    execl(HERE "/started_under_a_filter_that_refuses_files", "started_under_a_filter_that_refuses_files", "child", (char *)NULL);
    return 1;
}
