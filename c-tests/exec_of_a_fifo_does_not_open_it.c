// An exec of a FIFO fails without anybody having opened it: to open it would wake whoever waits at its other end.
#include "test.h"
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/stat.h>

extern char **environ;

int main(void) {
    char *argv[] = {"fifo", NULL}, event[4096];
    pid_t pid;
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    CHECK(mkfifo("fifo", 0700) == 0 && watch >= 0 && inotify_add_watch(watch, "fifo", IN_OPEN) >= 0);
    CHECK(execve("./fifo", argv, environ) == -1 && errno == EACCES);
    CHECK(execvp("./fifo", argv) == -1 && errno == EACCES);
    CHECK(posix_spawn(&pid, "./fifo", NULL, NULL, argv, environ) == EACCES);
    CHECK(setenv("PATH", ".", 1) == 0 && execvp("fifo", argv) == -1 && errno == EACCES);
    CHECK(read(watch, event, sizeof event) == -1 && errno == EAGAIN);
    // that an open would have been seen
    CHECK(open("fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0 && read(watch, event, sizeof event) > 0);
    return 0;
}
