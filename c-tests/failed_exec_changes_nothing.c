// Every sort of exec that fails leaves the process as it was, and its page not ended.
// page: end = exit, exit_status = 0, execs >= 5
#include "test.h"

int main(void) {
    char *argv[] = {"program", NULL}, *env[] = {"A=B", NULL};
    CHECK(setenv("PATH", "/usr/bin:/bin", 1) == 0);
    CHECK(execl("/nonexistent", "program", (char *)NULL) == -1 && errno == ENOENT);
    CHECK(execlp("nonexistent-program", "program", (char *)NULL) == -1 && errno == ENOENT);
    CHECK(execv("/", argv) == -1 && errno == EACCES);
    CHECK(execve("/nonexistent", argv, env) == -1 && errno == ENOENT);
    CHECK(execvp("nonexistent-program", argv) == -1 && errno == ENOENT);
    CHECK(execvpe("nonexistent-program", argv, env) == -1 && errno == ENOENT);
    CHECK(execve((char *)1, argv, env) == -1 && errno == EFAULT);
    CHECK(execve("/bin/true", (char **)1, env) == -1 && errno == EFAULT);
    int fd = file_of("not-executable", 10, 1);
    CHECK(fexecve(fd, argv, env) == -1 && errno == EACCES);
    char *p = malloc(MIB(2)), *q = map(MIB(2));
    fill(p, MIB(2), 1), fill(q, MIB(2), 2);
    CHECK(holds(p, MIB(2), 1) && holds(q, MIB(2), 2));
    free(p);
    return 0;
}
