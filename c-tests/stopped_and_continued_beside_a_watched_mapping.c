// SIGSTOP stops the watching thread with the program, and SIGCONT has both go on.
// policy: file@1M:drop-behind
// policy: file@1M:auto,file@1M:lock=hot
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"

int main(void) {
    pid_t pid = fork();
    if (pid == 0) {
        char *p = watched("file", MIB(32), 1);
        for (int i = 0; i < 40; i++) CHECK(holds(p, MIB(32), 1));
        if (under_shim()) EVENTUALLY(watchers() == 1);
        CHECK(munmap(p, MIB(32)) == 0);
        exit(0);
    }
    for (int i = 0, status = 0; i < 10; i++) {
        usleep(5000);
        if (kill(pid, SIGSTOP) != 0) break;
        CHECK(waitpid(pid, &status, WUNTRACED) == pid);
        if (!WIFSTOPPED(status)) {
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
            return 0;
        }
        char path[64], state = 0, text[512] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && close(fd) == 0);
        CHECK(sscanf(strrchr(text, ')'), ") %c", &state) == 1 && state == 'T');
        CHECK(kill(pid, SIGCONT) == 0);
    }
    ends_well(pid);
    return 0;
}
