// What /proc/self/statm says of the process. Include it after test.h.
// What must hold: nothing here allocates, so that a test of malloc sees only its own calls.
#ifndef STATM_H
#define STATM_H

static size_t statm_(int field) {
    char text[128] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && close(fd) == 0);
    size_t pages[2];
    CHECK(sscanf(text, "%zu %zu", &pages[0], &pages[1]) == 2);
    return pages[field] * PAGE;
}

// Bytes of address space that are mapped.
__attribute__((unused)) static size_t mapped_now(void) { return statm_(0); }

// Bytes in memory.
__attribute__((unused)) static size_t resident_now(void) { return statm_(1); }

#endif
