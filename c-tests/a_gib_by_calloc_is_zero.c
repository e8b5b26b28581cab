// 1 GiB by calloc reads as zero all over, costs no second copy, and can be written to.
// policy: observe
// policy: throughput
// policy: latency
// serial: memory
#include "test.h"
#include "smaps.h"

int main(void) {
    if (available_kb() < 3u << 20) SKIP("less than 3 GiB of memory available");
    char *p = calloc(1024, MIB(1));
    CHECK(p != NULL);
    for (size_t at = 0; at < GIB(1); at += 512) CHECK(p[at] == 0);
    for (size_t at = 0; at < GIB(1); at += PAGE) p[at] = 1;
    free(p);
    return 0;
}
