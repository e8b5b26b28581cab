// Reservations of a terabyte (PROT_NONE, and writable with MAP_NORESERVE) are left alone: nothing of them is populated
// or locked, and touching a page of the writable one costs a page.
#include "test.h"
#include "smaps.h"

int main(void) {
    size_t tera = (size_t)1 << 40;
    char *none = mmap(NULL, tera, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *loose = mmap(NULL, tera, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(none != MAP_FAILED);
    if (loose == MAP_FAILED) SKIP("no overcommit");
    for (size_t at = 0; at < tera; at += tera / 8) loose[at] = 1;
    CHECK(smaps_kb(none, tera, "Rss") == 0 && smaps_kb(loose, tera, "Rss") <= 8 * 4 + 64);
    CHECK(smaps_flagged(loose, tera, "lo") == 0 && smaps_flagged(loose, tera, "hg") == 0);
    CHECK(munmap(none, tera) == 0 && munmap(loose, tera) == 0);
    return 0;
}
