// MALLOC_TOP_PAD_ in the environment stands: the heap grows by that and no more.
// env: MALLOC_TOP_PAD_=1048576
// policy: heap:huge
// policy: throughput
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    size_t most = 0;
    for (int i = 0; i < 16000; i++) {
        char *p = (char *)malloc(1000);
        CHECK(p != NULL);
        size_t beyond = below_the_break(p);
        most = beyond > most ? beyond : most;
    }
    CHECK(most > KIB(900) && most < KIB(1100));
    return 0;
}
