// exit leaves a whole page that says so.
// exit: 7
// page: end = exit, exit_status = 7, end_ns > 0, mmap_calls >= 10, munmap_calls >= 10
#include "test.h"

int main(void) {
    for (int i = 0; i < 10; i++) CHECK(munmap(map(MIB(1)), MIB(1)) == 0);
    exit(7);
}
