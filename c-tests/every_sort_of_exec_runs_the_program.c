// Every member of the exec family runs its program with the arguments and the environment that it was given.
#include "test.h"
#include <sys/syscall.h>

static char *env[40];

static void run(int how) {
    char *argv[] = {"sh", "-c", "echo $0 $1 $VALUE", "zero", "one", NULL};
    int fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);
    switch (how) {
    case 0: execl("/bin/sh", argv[0], argv[1], argv[2], argv[3], argv[4], (char *)NULL); break;
    case 1: execlp("sh", argv[0], argv[1], argv[2], argv[3], argv[4], (char *)NULL); break;
    case 2: execle("/bin/sh", argv[0], argv[1], argv[2], argv[3], argv[4], (char *)NULL, env); break;
    case 3: execv("/bin/sh", argv); break;
    case 4: execvp("sh", argv); break;
    case 5: execvpe("sh", argv, env); break;
    case 6: execve("/bin/sh", argv, env); break;
    case 7: fexecve(fd, argv, env); break;
    case 8: syscall(SYS_execveat, fd, "", argv, env, 0x1000 /* AT_EMPTY_PATH */); break;
    }
    _exit(1);
}

int main(void) {
    static char preload[4096], pages[4096];
    int n = 0;
    env[n++] = "VALUE=given";
    env[n++] = "FAULTLESS_REPORT=none";
    env[n++] = "FAULTLESS_TREE=00000000000c7e57";
    // what the shim needs is handed on by hand, as a program does that makes an environment of its own
    if (getenv("LD_PRELOAD")) {
        snprintf(preload, sizeof preload, "LD_PRELOAD=%s", getenv("LD_PRELOAD"));
        snprintf(pages, sizeof pages, "FAULTLESS_PAGES=%s", getenv("FAULTLESS_PAGES"));
        env[n++] = preload;
        env[n++] = pages;
    }
    setenv("VALUE", "inherited", 1);
    for (int how = 0; how < 9; how++) {
        pid_t pid = fork();
        if (pid == 0) run(how);
        ends_well(pid);
    }
    return 0;
}
