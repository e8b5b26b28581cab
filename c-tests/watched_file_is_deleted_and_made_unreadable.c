// The file of a watched mapping loses its permissions, its name, and its place to another: the mapping reads as ever.
// policy: file@1M:drop-behind
// policy: file@1M:auto+lock=hot
// policy: file@1M:lock,file@1M:drop-behind
// policy: file@1M:populate=async,file@1M:auto
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"

int main(void) {
    char *p = watched("file", MIB(32), 1);
    CHECK(holds(p, MIB(32), 1) && chmod("file", 0) == 0);
    for (int i = 0; i < 5; i++) CHECK(holds(p, MIB(32), 1));
    CHECK(unlink("file") == 0);
    for (int i = 0; i < 5; i++) CHECK(holds(p, MIB(32), 1));
    char *q = watched("file", MIB(32), 2);
    for (int i = 0; i < 5; i++) CHECK(holds(p, MIB(32), 1) && holds(q, MIB(32), 2));
    CHECK(munmap(p, MIB(32)) == 0 && holds(q, MIB(32), 2) && munmap(q, MIB(32)) == 0);
    return 0;
}
