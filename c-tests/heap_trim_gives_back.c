// malloc_trim gives back what main freed, of which a huge page's worth may stay.
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    size_t before = all_of("Rss");
    struct blocks b = blocks_of(MIB(100), 1000);
    char *top = (char *)malloc(1000);
    CHECK(top != NULL);
    blocks_gone(b);
    CHECK(malloc_trim(0) == 1);
    CHECK(all_of("Rss") < before + MIB(6));
    free(top);
    return 0;
}
