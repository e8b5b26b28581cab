// A rule that can't be read is said in one line, once, and the program runs as without the shim: also what the other
// rules say is not done.
// policy: anon@1M:populate+lock,anon@1M:hgue
// policy: anon@1M:populate+lock,
// stderr: ^faultless[^\n]*\n$
// pages: may be missing
#include "test.h"
#include "smaps.h"

int main(void) {
    char *p = map(MIB(8));
    CHECK(resident(p, MIB(8)) == 0 && smaps_flagged(p, MIB(8), "lo") == 0);
    return 0;
}
