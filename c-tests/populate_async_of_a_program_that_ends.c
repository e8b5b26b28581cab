// Programs that exit, are replaced or are killed while a thread of ours populates for them end as ever.
// policy: anon@1M:populate=async
// page: end = exit
// some page: end = _exit
// serial: takes up to 1 GiB
#include "test.h"
#include "smaps.h"

int main(int argc, char **argv) {
    if (available_kb() < 3 << 20) SKIP("less than 3 GiB of memory");
    if (argc > 1) {
        map(MIB(512));
        if (argc > 2) execl("/proc/self/exe", argv[0], "again", (char *)NULL);
        return 0;
    }
    for (int way = 0; way < 4; way++) {
        pid_t pid = fork();
        if (pid == 0) {
            map(MIB(512));
            if (way == 0) exit(0);
            if (way == 1) _exit(0);
            if (way == 2) execl("/proc/self/exe", argv[0], "again", "and again", (char *)NULL);
            raise(SIGKILL);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(way == 3 ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    map(MIB(512));
    return 0;
}
