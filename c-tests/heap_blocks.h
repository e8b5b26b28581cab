// Small blocks that fill a heap, and what the kernel says of the whole process. Include it after test.h.
#ifndef HEAP_BLOCKS_H
#define HEAP_BLOCKS_H
#include <malloc.h>
#include <sys/resource.h>

// Bytes of Rss, AnonHugePages, Locked, … of this process.
__attribute__((unused)) static size_t all_of(const char *field) {
    static __thread char text[4096];
    int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    if (fd < 0) SKIP("no smaps_rollup here");
    size_t n = 0;
    for (ssize_t got; n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0;) n += (size_t)got;
    close(fd);
    text[n] = 0;
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\n%s:", field);
    char *at = strstr(text, wanted);
    CHECK(at != NULL);
    return strtoul(at + strlen(wanted), NULL, 10) << 10;
}

__attribute__((unused)) static long faults(void) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_minflt;
}

// Whether huge pages can be had by whom a rule gives them.
__attribute__((unused)) static int thp_on(void) {
    char text[128] = "";
    int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 && !strstr(text, "[never]");
}

struct blocks {
    char **at;
    size_t count, each, table;
};

// So many bytes in blocks of this size, filled.
__attribute__((unused)) static struct blocks blocks_of(size_t bytes, size_t each) {
    struct blocks b = {NULL, bytes / each, each, bytes / each * sizeof(char *)};
    b.at = (char **)map(b.table);
    for (size_t i = 0; i < b.count; i++) {
        b.at[i] = (char *)malloc(each);
        CHECK(b.at[i] != NULL);
        fill(b.at[i], each, (unsigned)i);
    }
    return b;
}

// Checks their content and frees them, the lowest first, so that the last one leaves nothing at the top of the heap.
__attribute__((unused)) static void blocks_gone(struct blocks b) {
    for (size_t i = 0; i < b.count; i++) CHECK(holds(b.at[i], b.each, (unsigned)i));
    for (size_t i = 0; i < b.count; i++) free(b.at[i]);
    munmap(b.at, b.table);
}

// Whether glibc has given this block a mapping of its own.
__attribute__((unused)) static int is_mapped(const void *block) {
    return (((const size_t *)block)[-1] & 2) != 0;
}

// Bytes between the end of a block of the main heap and the break.
__attribute__((unused)) static size_t below_the_break(const void *block) {
    return (size_t)((char *)sbrk(0) - (const char *)block) - malloc_usable_size((void *)block);
}

// Runs as many threads at once as `threads` says, each to its end.
__attribute__((unused)) static void in_threads(int threads, void *(*work)(void *), void *arg) {
    static pthread_t started[256];
    pthread_attr_t small;
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, KIB(256)) == 0);
    for (int i = 0; i < threads; i++) CHECK(pthread_create(&started[i], &small, work, arg) == 0);
    for (int i = 0; i < threads; i++) CHECK(pthread_join(started[i], NULL) == 0);
}
#endif
