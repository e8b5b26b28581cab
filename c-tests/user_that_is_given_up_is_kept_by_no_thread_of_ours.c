// A program that gives up its user while a thread of ours watches its mapping: the thread, which would keep that user, is
// gone soon, and to unmap what it watched works as ever.
// policy: file@1M:drop-behind
// policy: file@1M:drop-behind,file@1M:lock=hot
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"

int main(void) {
    if (geteuid() != 0) SKIP("only root can become somebody else");
    char *p = watched("file", MIB(64), 1);
    CHECK(holds(p, MIB(64), 1));
    CHECK(setgid(12345) == 0 && setuid(12345) == 0);
    EVENTUALLY(threads() == 1);
    CHECK(holds(p, MIB(64), 1) && munmap(p, MIB(64)) == 0);
    CHECK(setuid(0) == -1 && errno == EPERM);
    return 0;
}
