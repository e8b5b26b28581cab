// calloc of a block that the C library would always map touches no more of it than its header, so that a huge page there
// costs nothing before the program writes; and what it gave keeps its pages for malloc, unless the program made a call on it.
// policy: malloc@1M:recycle
// policy: throughput
// page: recycled >= 6
#include "test.h"

static size_t resident_kb(void) {
    char text[64] = "";
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    return strtoul(strchr(text, ' '), NULL, 10) * PAGE / 1024;
}

int main(void) {
    for (int i = 0; i < 6; i++) {
        size_t before = resident_kb();
        char *p = calloc(64, MIB(1));
        CHECK(p && resident_kb() < before + KIB(1)); // statm is off by some pages for each processor
        for (size_t at = 0; at < MIB(64); at += 512) CHECK(p[at] == 0);
        fill(p, MIB(64), (unsigned)i);
        free(p);
        char *q = malloc(MIB(64));
        CHECK(q && (size_t)q % 16 == 0);
        fill(q, MIB(64), (unsigned)i + 100);
        CHECK(holds(q, MIB(64), (unsigned)i + 100));
        free(q);
    }
    // the page of the header, where the kernel joined what lies around it to a range of the program's
    char *p = calloc(64, MIB(1));
    CHECK(p);
    char *page = (char *)(((size_t)p - 16) & ~(PAGE - 1));
    CHECK(madvise(page, PAGE, MADV_DONTFORK) == 0);
    free(p);
    char *q = malloc(MIB(64));
    CHECK(q);
    fill(q, MIB(64), 9);
    pid_t pid = fork();
    if (pid == 0) {
        int held = holds(q, MIB(64), 9);
        free(q); // its header is read
        _exit(held ? 0 : 1);
    }
    ends_well(pid);
    free(q);
    return 0;
}
