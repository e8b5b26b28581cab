// A process that runs another program in its place leaves the page of the old one, ended by exec, and one of the
// new.
// page: end = exec, mmap_calls >= 100
// some page: exe = true, end = exit, exit_status = 0
#include "test.h"

int main(void) {
    for (int i = 0; i < 100; i++) munmap(map(KIB(64)), KIB(64));
    execl("/bin/true", "true", (char *)NULL);
    return 1;
}
