// SIGKILL in the midst of mapping leaves a whole, readable page.
// exit: signal 9
// page: end = none, mmap_calls >= 10
// page [everything]: regions_ruled >= 10, lock_now > 0
#include "test.h"

int main(void) {
    for (int i = 0; i < 10; i++) map(MIB(1));
    kill(getpid(), SIGKILL);
    for (;;) munmap(map(MIB(1)), MIB(1));
}
