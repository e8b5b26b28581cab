// Once the word `off` in its counter page is written, the shim unlocks what it locked and only passes through.
// policy: latency
// policy: everything
// page: state = off
#include "test.h"
#include "smaps.h"
#include <glob.h>

int main(void) {
    char *before = map(MIB(4)), *block = malloc(MIB(4));
    fill(before, MIB(4), 1), fill(block, MIB(4), 2);
    if (under_shim()) {
        char pattern[4200];
        glob_t found;
        snprintf(pattern, sizeof pattern, "%s/%d.*", getenv("FAULTLESS_PAGES"), getpid());
        CHECK(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1);
        CHECK(smaps_flagged(before, MIB(4), "lo") == MIB(4));
        int fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC), one = 1;
        CHECK(fd >= 0 && pwrite(fd, &one, sizeof one, PAGE_OFF_WORD) == sizeof one && close(fd) == 0);
    }
    char *after = map(MIB(4));
    CHECK(smaps_flagged(before, MIB(4), "lo") == 0);
    CHECK(smaps_flagged(after, MIB(4), "lo") == 0 && resident(after, MIB(4)) == 0);
    CHECK(holds(before, MIB(4), 1) && holds(block, MIB(4), 2));
    block = realloc(block, MIB(8));
    CHECK(block && holds(block, MIB(4), 2));
    free(block);
    free(malloc(MIB(4)));
    return 0;
}
