// POSIX record locks and those of open files, which the program holds on the very file that is watched, stay held while the
// watching thread comes and goes.
// policy: file@1M:drop-behind
// policy: file:drop-behind,file@1M:lock=hot
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/file.h>

static int taken_by_another(const char *name) {
    int fds[2];
    CHECK(pipe(fds) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(name, O_RDWR | O_CLOEXEC);
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10};
        int is_free = fcntl(fd, F_SETLK, &lock) == 0, is_open = flock(open(name, O_RDWR | O_CLOEXEC), LOCK_EX | LOCK_NB) == 0;
        _exit(is_free * 2 + is_open);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && close(fds[0]) == 0 && close(fds[1]) == 0);
    return WEXITSTATUS(status) == 0;
}

int main(void) {
    int fd = file_of("file", MIB(16), 1);
    int other = open("file", O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10};
    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && flock(other, LOCK_EX) == 0);
    for (int i = 0; i < 3; i++) {
        evict(fd);
        char *p = mmap(NULL, MIB(16), PROT_READ, MAP_SHARED, fd, 0);
        CHECK(p != MAP_FAILED);
        if (under_shim()) EVENTUALLY(watchers() == 1);
        CHECK(holds(p, MIB(16), 1) && taken_by_another("file"));
        CHECK(munmap(p, MIB(16)) == 0);
        if (under_shim()) EVENTUALLY(watchers() == 0);
        CHECK(taken_by_another("file"));
    }
    return 0;
}
