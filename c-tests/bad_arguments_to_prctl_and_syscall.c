// prctl and syscall, which the shim watches for a filter, pass on every argument and return what they return without
// it.
#include "test.h"
#include "table.h"
#include <sys/prctl.h>
#include <sys/syscall.h>

int main(void) {
    ROW(prctl(-1, 0, 0, 0, 0));
    ROW(prctl(PR_SET_SECCOMP, 99, 0, 0, 0));
    ROW(prctl(PR_SET_SECCOMP, 2, NULL, 0, 0));
    ROW(prctl(PR_SET_SECCOMP, 2, AT(1), 0, 0));
    ROW(prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
    ROW(prctl(PR_SET_NAME, "another", 0, 0, 0));
    char name[17] = "";
    ROW(prctl(PR_GET_NAME, name, 0, 0, 0));
    printf("%s\n", name);
    ROW(prctl(PR_SET_DUMPABLE, 7, 0, 0, 0));
    ROW(prctl(PR_SET_PDEATHSIG, 1000, 0, 0, 0));
    ROW(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    ROW(prctl(PR_GET_THP_DISABLE, 1, 2, 3, 4));
    ROW(prctl(PR_GET_KEEPCAPS));
    ROW(syscall(-1));
    ROW(syscall(100000));
    ROW(syscall(SYS_seccomp, 99, 0, NULL));
    ROW(syscall(SYS_seccomp, 1, 0, NULL));
    ROW(syscall(SYS_seccomp, 1, -1, AT(1)));
    ROW(syscall(SYS_close, 9999));
    ROW(syscall(SYS_mmap, NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    char *p = (char *)syscall(SYS_mmap, NULL, MIB(1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    CHECK(p != MAP_FAILED);
    fill(p, MIB(1), 1);
    ROW(syscall(SYS_munmap, p + 1, MIB(1)));
    ROW(syscall(SYS_munmap, p, MIB(1)));
    int fd = file_of("file", PAGE, 1), out = file_of("out", 0, 0);
    // six arguments, all of which count
    off_t from = 10, to = 20;
    ROW(syscall(SYS_copy_file_range, fd, &from, out, &to, 100L, 0));
    ROW(syscall(SYS_copy_file_range, fd, &from, out, &to, 100L, 1));
    printf("%ld %ld\n", (long)from, (long)to);
    return 0;
}
