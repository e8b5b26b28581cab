// Runs a program that is refused system calls (EPERM), as a sandbox refuses them.
// usage: refusing CALL,CALL... PROGRAM ARGUMENT...
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned number;
} calls[] = {
    {"mlock", SYS_mlock},
    {"mlock2", SYS_mlock2},
    {"mincore", SYS_mincore},
    {"madvise", SYS_madvise},
    {"ptrace", SYS_ptrace},
    {"bpf", SYS_bpf},
    {"perf_event_open", SYS_perf_event_open},
    {"userfaultfd", SYS_userfaultfd},
    {"process_madvise", SYS_process_madvise},
};

int main(int argc, char **argv) {
    struct sock_filter filter[64] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    unsigned short length = 1;
    if (argc < 3) {
        fprintf(stderr, "usage: refusing CALL,CALL... PROGRAM ARGUMENT...\n");
        return 2;
    }
    for (char *name = strtok(argv[1], ","); name; name = strtok(NULL, ",")) {
        size_t i = 0, known = sizeof calls / sizeof *calls;
        while (i < known && strcmp(calls[i].name, name) != 0)
            i++;
        if (i == known || length > 60) {
            fprintf(stderr, "no call is known by the name %s\n", name);
            return 2;
        }
        filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
        filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    }
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {length, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("seccomp");
        return 1;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 1;
}
