// A rule file:lock=hot samples nothing, and locks nothing, of a program whose files stay in memory by themselves.
// policy: file@4M:lock=hot
// page: rule1.applied = 1, hot_samples = 0, locked_bytes = 0, hot_ns = 0
#include "test.h"

int main(void) {
    int fd = file_of("file", MIB(16), 1);
    volatile unsigned char *p = (unsigned char *)mmap(NULL, MIB(16), PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    for (int i = 0; i < 20; i++) {
        for (size_t at = 0; at < MIB(16); at += PAGE) CHECK(p[at] == pattern_of_(at / 4096, 1)[0]);
        usleep(50000);
    }
    CHECK(munmap((void *)p, MIB(16)) == 0);
    return 0;
}
