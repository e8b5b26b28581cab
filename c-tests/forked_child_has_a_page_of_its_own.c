// A forked child that maps memory counts in a page of its own, from 0.
// page: end = exit, forked = 0, mmap_calls >= 1000
// some page: forked = 1, mmap_calls >= 10, mmap_calls < 1000, end = exit, exit_status = 0
#include "test.h"

int main(void) {
    for (int i = 0; i < 1000; i++) munmap(map(KIB(64)), KIB(64));
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 10; i++) munmap(map(KIB(64)), KIB(64));
        exit(0);
    }
    ends_well(pid);
    return 0;
}
