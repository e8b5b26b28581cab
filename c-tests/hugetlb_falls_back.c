// Blocks under huge=hugetlb and huge=collapse work whether or not the machine has such pages to spare.
// policy: malloc@1M:huge=hugetlb
// policy: malloc@1M:huge=collapse
// policy: malloc@1M:huge=hugetlb+populate,anon@1M:huge=collapse+populate,file@1M:huge=collapse
// page: rule1.regions >= 10
#include "test.h"

int main(void) {
    int fd = file_of("file", MIB(4), 5);
    for (int i = 0; i < 10; i++) {
        char *p = malloc(MIB(4)), *q = calloc(1, MIB(3)), *m = map(MIB(4));
        char *f = mmap(NULL, MIB(4), PROT_READ, MAP_PRIVATE, fd, 0);
        CHECK(p && q && f != MAP_FAILED && is_zero(q, MIB(3)) && is_zero(m, MIB(4)) && holds(f, MIB(4), 5));
        fill(p, MIB(4), 1);
        p = realloc(p, MIB(9));
        CHECK(p && holds(p, MIB(4), 1));
        pid_t pid = fork();
        if (pid == 0) _exit(holds(p, MIB(4), 1) ? 0 : 1);
        ends_well(pid);
        free(p), free(q);
        CHECK(munmap(m, MIB(4)) == 0 && munmap(f, MIB(4)) == 0);
    }
    return 0;
}
