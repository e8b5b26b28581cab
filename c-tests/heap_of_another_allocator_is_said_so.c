// Where another allocator is in charge, heap rules cannot be had, and the report says why.
// preload: libjemalloc.so.2
// env: FAULTLESS_REPORT=all
// policy: heap:huge
// stderr: another allocator is in charge
#include "test.h"

int main(void) {
    for (int i = 0; i < 4000; i++) {
        char *p = (char *)malloc(1000);
        CHECK(p != NULL);
        memset(p, 1, 1000);
    }
    return 0;
}
