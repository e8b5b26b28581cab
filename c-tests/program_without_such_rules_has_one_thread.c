// A program that counts its threads right after its start, and after it has mapped a file, finds one.
// policy: observe
// policy: throughput
// policy: file@1M:random+lock,anon:huge,file@1M:sequential
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"

int main(void) {
    CHECK(threads() == 1);
    int fd = file_of("file", MIB(8), 1);
    char *p = mmap(NULL, MIB(8), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && holds(p, MIB(8), 1) && threads() == 1);
    return 0;
}
