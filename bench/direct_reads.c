// Reads a file past the page cache, in pieces of 1 MiB, eight of them under way at a time: as fast as the disk can.
// usage: direct_reads FILE        prints a JSON line: bytes, seconds
#include "common.h"

#include <pthread.h>
#include <sys/stat.h>

#define DEPTH 8

static int file;
static size_t bytes, taken;

static void *reads(void *unused) {
    void *piece = must(aligned_alloc(4096, MIB));
    for (;;) {
        size_t at = __atomic_fetch_add(&taken, MIB, __ATOMIC_RELAXED);
        if (at >= bytes)
            return unused;
        if (pread(file, piece, MIB, at) <= 0) {
            perror("pread");
            exit(1);
        }
    }
}

int main(int argc, char **argv) {
    pthread_t threads[DEPTH];
    struct stat stat;
    file = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECT) : -1;
    if (file < 0 || fstat(file, &stat) != 0) {
        perror("usage: direct_reads FILE");
        return 1;
    }
    bytes = stat.st_size;
    double start = now();
    for (int i = 0; i < DEPTH; i++)
        if (pthread_create(&threads[i], NULL, reads, NULL) != 0)
            return 1;
    for (int i = 0; i < DEPTH; i++)
        pthread_join(threads[i], NULL);
    printf("{\"bytes\": %zu, \"seconds\": %.6f}\n", bytes, now() - start);
    return 0;
}
