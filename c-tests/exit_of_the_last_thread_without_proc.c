// A process that can't read /proc, after a chroot or with no descriptor left, ends when its only thread does, by the system call: a thread
// of ours that could not know of it is not started.
// policy: file@1M:lock=hot
// policy: file@1M:drop-behind,anon@1M:lock=hot
// policy: file@1M:auto,anon@1M:populate=async
#include "test.h"
#include "crew.h"
#include <sys/resource.h>
#include <sys/syscall.h>

int main(void) {
    for (int how = 0; how < 2; how++) {
        char folder[] = "/tmp/faultless-empty-XXXXXX";
        CHECK(mkdtemp(folder));
        pid_t pid = fork();
        if (pid == 0) {
            int fd = (int)syscall(SYS_memfd_create, "f", 0);
            CHECK(fd >= 0 && ftruncate(fd, MIB(8)) == 0);
            if (how == 0) {
                if (chroot(folder) != 0) _exit(3);
                CHECK(chdir("/") == 0);
            } else {
                struct rlimit few = {16, 16};
                CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
                while (dup(0) >= 0) {}
            }
            CHECK(mmap(NULL, MIB(8), PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
            *(volatile char *)map(MIB(32)) = 1;
            usleep(50000);
            syscall(SYS_exit, 3);
        }
        int status = -1;
        for (int i = 0; i < 1000 && waitpid(pid, &status, WNOHANG) == 0; i++) usleep(10000);
        if (status == -1) kill(pid, SIGKILL);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
        CHECK(rmdir(folder) == 0);
    }
    return 0;
}
