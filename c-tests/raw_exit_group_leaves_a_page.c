// The bare exit_group syscall runs nothing of ours and still leaves a whole page.
// exit: 5
// page: mmap_calls >= 10
#include "test.h"
#include <sys/syscall.h>

int main(void) {
    for (int i = 0; i < 10; i++) map(MIB(1));
    syscall(SYS_exit_group, 5);
    return 1;
}
