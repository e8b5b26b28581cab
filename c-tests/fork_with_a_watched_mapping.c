// Children of a program whose mapping is watched, by fork, by a raw clone and by vfork, read on, unmap, map, run other
// programs and end.
// policy: file@1M:drop-behind
// policy: file@1M:auto,file@1M:lock=hot
// policy: file@1M:drop-behind+lock
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/syscall.h>

int main(void) {
    char *p = watched("file", MIB(32), 1);
    CHECK(holds(p, MIB(32), 1));
    for (int i = 0; i < 12; i++) {
        pid_t pid = i % 2 ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();
        if (pid == 0) {
            CHECK(threads() == 1);
            switch (i / 2) {
            case 0: CHECK(holds(p, MIB(32), 1)); break;
            case 1: CHECK(munmap(p, MIB(32)) == 0); break;
            case 2: {
                int fd = open("file", O_RDONLY | O_CLOEXEC);
                char *q = mmap(p, MIB(32), PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
                CHECK(q == p && holds(q, MIB(32), 1));
                if (under_shim()) EVENTUALLY(watchers() == 1);
                CHECK(munmap(q, MIB(32)) == 0);
                break;
            }
            case 3: execl("/bin/true", "true", (char *)NULL); _exit(1);
            case 4: CHECK(mremap(p, MIB(32), MIB(16), 0) == p && holds(p, MIB(16), 1)); break;
            case 5: exit(0);
            }
            _exit(0);
        }
        ends_well(pid);
        pid = vfork();
        if (pid == 0) {
            if (i % 2) execl("/bin/true", "true", (char *)NULL);
            _exit(0);
        }
        ends_well(pid);
        CHECK(holds(p, MIB(32), 1));
    }
    CHECK(munmap(p, MIB(32)) == 0);
    return 0;
}
