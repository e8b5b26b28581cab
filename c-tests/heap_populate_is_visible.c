// heap:populate has the heap resident ahead of its use, in main and in a thread's arena.
// policy: heap:populate
// policy: heap:huge+populate
// page: populated_bytes >= 33554432
// serial: memory
#include "test.h"
#include "smaps.h"
#include "heap_blocks.h"

static void *work(void *arg) {
    char *p = NULL;
    for (size_t i = 0; i < MIB(20) / 1000; i++) p = (char *)malloc(1000);
    CHECK(p != NULL);
    size_t page = ((size_t)p + KIB(8)) & ~(PAGE - 1);
    if (under_shim()) CHECK(resident((void *)page, KIB(64)) == KIB(64));
    return arg;
}

int main(void) {
    work(NULL);
    in_threads(1, work, NULL);
    return 0;
}
