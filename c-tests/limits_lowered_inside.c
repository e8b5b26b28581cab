// A program that lowers its own limits to what it uses already goes on with what it has, and ends well.
// env: FAULTLESS_REPORT=json=report.json
#include "test.h"
#include <sys/resource.h>

static void lower(int resource, rlim_t to) {
    struct rlimit limit = {to, to};
    CHECK(setrlimit(resource, &limit) == 0);
}

int main(void) {
    char *p = map(MIB(8)), *q = malloc(MIB(8));
    fill(p, MIB(8), 1), fill(q, MIB(8), 2);
    lower(RLIMIT_MEMLOCK, 0), lower(RLIMIT_NOFILE, 0), lower(RLIMIT_FSIZE, 0), lower(RLIMIT_AS, MIB(1));
    errno = 0;
    CHECK(mmap(NULL, MIB(8), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    CHECK(errno == ENOMEM && malloc(MIB(8)) == NULL && errno == ENOMEM);
    CHECK(holds(p, MIB(8), 1) && holds(q, MIB(8), 2));
    CHECK(mprotect(p, PAGE, PROT_READ) == 0 && madvise(p + PAGE, MIB(1), MADV_DONTNEED) == 0 && p[PAGE] == 0);
    free(q);
    CHECK(munmap(p, MIB(8)) == 0);
    return 0;
}
