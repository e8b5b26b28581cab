// MADV_DONTNEED by syscall(2) works on memory that a rule has locked as it does by its own name.
// page [everything]: locked_bytes > 0
#include "test.h"
#include <sys/syscall.h>

int main(void) {
    char *p = map(MIB(4));
    fill(p, MIB(4), 1);
    CHECK(syscall(SYS_madvise, p, MIB(4), MADV_DONTNEED) == 0 && is_zero(p, MIB(4)));
    char *q = (char *)syscall(SYS_mmap, NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(q != MAP_FAILED);
    fill(q, MIB(4), 2);
    CHECK(syscall(SYS_madvise, q + MIB(1), MIB(2), MADV_DONTNEED) == 0 && is_zero(q + MIB(1), MIB(2)));
    CHECK(holds(q, MIB(1), 2));
    return 0;
}
