// With no descriptor to be had, or one to three, a mapping is watched or not, and the program's own numbers are as ever.
// policy: file@1M:drop-behind
// policy: file@1M:auto,file@1M:lock=hot
// policy: files
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/resource.h>

int main(void) {
    int fd = file_of("file", MIB(16), 1);
    evict(fd);
    for (rlim_t n = 0; n <= 4; n++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct rlimit limit = {n, n};
            CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
            for (int i = 0; i < 3; i++) {
                char *p = mmap(NULL, MIB(16), PROT_READ, MAP_SHARED, fd, 0);
                CHECK(p != MAP_FAILED && holds(p, MIB(16), 1));
                usleep(50000);
                CHECK(munmap(p, MIB(16)) == 0);
            }
            errno = 0;
            int got = dup(fd);
            printf("%d: %d %d\n", (int)n, got, errno);
            fflush(stdout);
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
