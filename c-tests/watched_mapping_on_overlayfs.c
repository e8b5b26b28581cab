// On overlayfs a file of the lower layer is watched, copied up by a writer, and read on.
// policy: file@1M:drop-behind
// policy: file@1M:auto+lock=hot
// policy: file@1M:lock,file@1M:drop-behind
// policy: file@1M:populate=async,file@1M:auto
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

int main(void) {
    pid_t pid = fork();
    if (pid == 0) {
        static const char *folders[] = {"layers", "layers/lower", "layers/upper", "layers/work", "layers/both"};
        CHECK(mkdir("layers", 0700) == 0);
        if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) _exit(77);
        if (mount("tmpfs", "layers", "tmpfs", 0, "size=200M") != 0) _exit(77);
        for (int i = 1; i < 5; i++) CHECK(mkdir(folders[i], 0700) == 0);
        CHECK(close(file_of("layers/lower/file", MIB(32), 1)) == 0);
        const char *options = "lowerdir=layers/lower,upperdir=layers/upper,workdir=layers/work";
        if (mount("overlay", "layers/both", "overlay", 0, options) != 0) _exit(77);
        int fd = open("layers/both/file", O_RDONLY | O_CLOEXEC);
        char *p = mmap(NULL, MIB(32), PROT_READ, MAP_SHARED, fd, 0);
        CHECK(p != MAP_FAILED && holds(p, MIB(32), 1));
        int up = open("layers/both/file", O_RDWR | O_CLOEXEC);
        CHECK(up >= 0 && pwrite(up, "changed", 7, 0) == 7);
        char *q = mmap(NULL, MIB(32), PROT_READ, MAP_SHARED, up, 0);
        CHECK(q != MAP_FAILED);
        for (int i = 0; i < 10; i++) {
            CHECK(holds(p, MIB(32), 1) && !memcmp(q, "changed", 7) && holds(q + PAGE, PAGE, 8));
            usleep(10000);
        }
        CHECK(munmap(p, MIB(32)) == 0 && munmap(q, MIB(32)) == 0);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) SKIP("no overlayfs can be mounted here");
    CHECK(status == 0);
    return 0;
}
