// A program closes every descriptor and then opens files of its own, which get the numbers 0, 1 and 2: the report
// never goes into them.
// env: FAULTLESS_REPORT=all
// stderr: .
#include "test.h"

static const char *names[] = {"zero", "one", "two"};

static void child(void) {
    for (int fd = 0; fd < 1024; fd++) close(fd);
    for (int i = 0; i < 3; i++)
        if (open(names[i], O_RDWR | O_CREAT | O_TRUNC, 0600) != i || write(i, names[i], 3) != 3) _exit(1);
    char *p = map(MIB(8)), *q = malloc(MIB(8));
    p[0] = q[0] = 1;
    exit(0);
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) child();
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "child", "", (char *)NULL);
        _exit(1);
    }
    ends_well(pid);
    for (int i = 0; i < 3; i++) {
        char bytes[4096];
        int fd = open(names[i], O_RDONLY);
        CHECK(fd >= 0 && read(fd, bytes, sizeof bytes) == 3 && memcmp(bytes, names[i], 3) == 0);
    }
    return 0;
}
