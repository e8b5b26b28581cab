// Shared by the c-tests: include it first. A failed CHECK prints one line and ends the process with status 1; SKIP
// says why the program cannot run here and ends it with 77. Nothing here allocates, so that a test of malloc sees
// only its own calls.
#ifndef TEST_H
#define TEST_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)
#define GIB(n) ((size_t)(n) << 30)
#define PAGE ((size_t)4096)

#define CHECK(cond)                                                                                            \
    do {                                                                                                       \
        if (!(cond)) {                                                                                         \
            dprintf(2, "%s:%d: %s does not hold (errno %d)\n", __FILE__, __LINE__, #cond, errno);         \
            _exit(1);                                                                                          \
        }                                                                                                      \
    } while (0)

#define SKIP(why)                                                                                              \
    do {                                                                                                       \
        dprintf(2, "%s\n", why);                                                                               \
        _exit(77);                                                                                             \
    } while (0)

// Whether the shim is preloaded: what only it can do is checked only then.
__attribute__((unused)) static int under_shim(void) {
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "libfaultless");
}

// Whether the run is under this policy, or with these words somewhere in its rules.
__attribute__((unused)) static int policy_has(const char *words) {
    const char *policy = getenv("FAULTLESS_POLICY"), *rules = getenv("FAULTLESS_RULES");
    return under_shim() && ((policy && strstr(policy, words)) || (rules && strstr(rules, words)));
}

// Fills n bytes with what only this seed gives (byte i is 31 i + 7 (i / 4096) + seed), and checks that they still hold
// it. A page of it at a time is copied from a table, because 31 i repeats after 256 bytes.
static unsigned char pattern_[4096 + 256];
__attribute__((unused)) static const unsigned char *pattern_of_(size_t page, unsigned seed) {
    // from the end, so that a thread which sees the first byte of it sees all
    if (__atomic_load_n(&pattern_[1], __ATOMIC_ACQUIRE) == 0)
        for (size_t i = sizeof pattern_; i-- > 0;) __atomic_store_n(&pattern_[i], (unsigned char)(i * 31), __ATOMIC_RELEASE);
    // 223 is the inverse of 31 modulo 256
    return pattern_ + (unsigned char)((page * 7 + seed) * 223);
}
__attribute__((unused)) static void fill(void *p, size_t n, unsigned seed) {
    for (size_t at = 0; at < n; at += 4096)
        memcpy((char *)p + at, pattern_of_(at / 4096, seed), n - at < 4096 ? n - at : 4096);
}
__attribute__((unused)) static int holds(const void *p, size_t n, unsigned seed) {
    for (size_t at = 0; at < n; at += 4096)
        if (memcmp((const char *)p + at, pattern_of_(at / 4096, seed), n - at < 4096 ? n - at : 4096)) return 0;
    return 1;
}
__attribute__((unused)) static int is_zero(const void *p, size_t n) {
    const unsigned char *b = (const unsigned char *)p;
    return n == 0 || (b[0] == 0 && memcmp(b, b + 1, n - 1) == 0);
}

// A private anonymous mapping; it must succeed.
__attribute__((unused)) static char *map(size_t n) {
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return (char *)p;
}

// A file of n bytes in the working folder, filled with the seed; returns a descriptor for reading and writing.
__attribute__((unused)) static int file_of(const char *name, size_t n, unsigned seed) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    for (size_t at = 0; at < n; at += 4096)
        CHECK(write(fd, pattern_of_(at / 4096, seed), n - at < 4096 ? n - at : 4096) > 0);
    return fd;
}

// Waits for a child and checks that it exited with 0.
__attribute__((unused)) static void ends_well(pid_t pid) {
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Linux's own numbers where an older libc lacks them.
#ifndef MADV_PAGEOUT
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#define MADV_GUARD_INSTALL_ 102

#endif
