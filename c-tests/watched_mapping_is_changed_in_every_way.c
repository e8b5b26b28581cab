// mprotect, mremap, munmap of parts and mmap(MAP_FIXED), of anonymous memory, of other files and of the same, over mappings
// that are watched, in two threads: all of it holds what was put there last.
// policy: file@1M:drop-behind
// policy: file@1M:auto+lock=hot
// policy: file@1M:lock,file@1M:drop-behind
// policy: file@1M:populate=async,file@1M:auto
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"

static int fds[2];

static void *work(void *arg) {
    unsigned me = (unsigned)(uintptr_t)arg, random = me * 77 + 1;
    for (int round = 0; round < 150; round++) {
        char *p = mmap(NULL, MIB(12), PROT_READ, round % 3 ? MAP_SHARED : MAP_PRIVATE, fds[0], 0);
        CHECK(p != MAP_FAILED && holds(p, MIB(12), 1));
        size_t n = MIB(12);
        for (int step = 0; step < 3; step++) {
            random = random * 1103515245 + 12345;
            size_t at = (random >> 8) % (n / PAGE - 300) * PAGE, len = ((random >> 20) % 256 + 1) * PAGE;
            switch (random >> 16 & 7) {
            case 0: {
                char *q = mmap(p + at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
                CHECK(q == p + at && is_zero(q, len));
                fill(q, len, me + 5);
                sched_yield();
                CHECK(holds(q, len, me + 5));
                break;
            }
            case 1: {
                char *q = mmap(p + at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fds[1], 0);
                CHECK(q == p + at && holds(q, len, 2));
                fill(q, len, me + 6);
                CHECK(holds(q, len, me + 6));
                break;
            }
            case 2: CHECK(munmap(p + at, len - 1) == 0); break;
            case 3: CHECK(mprotect(p + at, len, PROT_NONE) == 0 && mprotect(p + at, len, PROT_READ) == 0); break;
            case 4: {
                char *q = mremap(p, MIB(1), MIB(1), MREMAP_MAYMOVE | MREMAP_FIXED, p + n - MIB(1));
                CHECK(q != MAP_FAILED || errno == EFAULT);
                break;
            }
            case 5: {
                char *q = mremap(p, MIB(12), MIB(16), MREMAP_MAYMOVE);
                if (q != MAP_FAILED) CHECK(munmap(q, MIB(16)) == 0 && (p = map(MIB(12))) != NULL);
                break;
            }
            case 6: CHECK(madvise(p, n, MADV_RANDOM) == 0 || errno == ENOMEM); break;
            case 7: usleep(2000); break;
            }
        }
        CHECK(munmap(p, MIB(12)) == 0);
    }
    return NULL;
}

int main(void) {
    fds[0] = file_of("file", MIB(16), 1), fds[1] = file_of("other", MIB(16), 2);
    evict(fds[0]);
    pthread_t threads[2];
    for (uintptr_t i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (int i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    char *p = mmap(NULL, MIB(16), PROT_READ, MAP_SHARED, fds[0], 0);
    CHECK(p != MAP_FAILED && holds(p, MIB(16), 1));
    return 0;
}
