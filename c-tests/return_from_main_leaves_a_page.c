// A return from main leaves a whole page with the exit status.
// exit: 3
// page: end = exit, exit_status = 3, end_ns > 0, mmap_calls >= 10
#include "test.h"

int main(void) {
    for (int i = 0; i < 10; i++) CHECK(munmap(map(MIB(1)), MIB(1)) == 0);
    return 3;
}
