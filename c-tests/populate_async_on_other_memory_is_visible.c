// populate=async reaches blocks of malloc, shared memory and files too; what a file holds stays.
// policy: malloc@1M:populate=async,shm@1M:populate=async,file@1M:populate=async
// page: rule1.applied >= 1, rule2.applied >= 1, rule3.applied >= 1, rule1.failed = 0, rule2.failed = 0, rule3.failed = 0
#include "test.h"
#include "smaps.h"
#include "crew.h"

int main(void) {
    size_t n = MIB(16);
    char *block = malloc(n);
    char *shared = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd = file_of("file", n, 5);
    char *file = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(block && shared != MAP_FAILED && file != MAP_FAILED);
    if (under_shim()) {
        char *first = (char *)((uintptr_t)block & ~(PAGE - 1));
        EVENTUALLY(resident(first, n) == n);
        EVENTUALLY(smaps_kb(shared, n, "Rss") == n / 1024);
        EVENTUALLY(smaps_kb(file, n, "Rss") == n / 1024);
        CHECK(smaps_kb(file, n, "Anonymous") == 0);
    }
    CHECK(is_zero(shared, n) && holds(file, n, 5));
    free(block);
    return 0;
}
