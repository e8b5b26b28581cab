// Once the program has a seccomp filter, or has said itself which blocks malloc maps, nothing that it frees is kept, neither
// what was kept before nor what is freed later.
// policy: malloc@1M:recycle
// policy: throughput
#include "test.h"
#include "statm.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void use(void) {
    static char *p[6];
    for (int i = 0; i < 6; i++) {
        p[i] = malloc(MIB(20));
        CHECK(p[i]);
        memset(p[i], 1, MIB(20));
    }
    for (int i = 0; i < 6; i++) free(p[i]);
}

static void ask(int how) {
    struct sock_filter allow[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    struct sock_fprog program = {1, allow};
    if (how < 2) CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    switch (how) {
    case 0: CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0); break;
    case 1: CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0); break;
    case 2: CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1); break;
    }
}

int main(void) {
    for (int how = 0; how < 3; how++) {
        pid_t pid = fork();
        if (pid == 0) {
            size_t before = resident_now();
            use();
            ask(how);
            CHECK(resident_now() < before + MIB(15));
            use();
            CHECK(resident_now() < before + MIB(15));
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
