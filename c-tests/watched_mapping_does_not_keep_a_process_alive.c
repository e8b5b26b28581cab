// A program whose only thread ends by the bare system call has ended, with that status, though a thread of ours watched
// its mapping.
// policy: file@1M:drop-behind
// exit: 7
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <sys/syscall.h>

int main(void) {
    watched("file", MIB(8), 1);
    syscall(SYS_exit, 7);
    return 1;
}
