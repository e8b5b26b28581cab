// Maps, reads and unmaps many small files one after the other, in an order drawn from the seed.
// usage: small_files make COUNT BYTES FOLDER
//        small_files read COUNT SEED FOLDER        prints a JSON line: files, seconds, and a sum of all that was read
//        small_files evict COUNT 0 FOLDER          takes them out of the page cache
#include "common.h"

#include <sys/stat.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t next(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 20;
}

static int opened(size_t number, int flags) {
    char name[32];
    snprintf(name, sizeof name, "%zu", number);
    int file = open(name, flags, 0644);
    if (file < 0)
        fail(name);
    return file;
}

static void make(size_t count, size_t bytes) {
    char *content = must(malloc(bytes));
    for (size_t i = 0; i < count; i++) {
        int file = opened(i, O_WRONLY | O_CREAT | O_TRUNC);
        memset(content, i, bytes);
        if (write(file, content, bytes) != (ssize_t)bytes)
            fail("write");
        close(file);
    }
    sync();
}

static uint64_t read_one(size_t number) {
    struct stat stat;
    int file = opened(number, O_RDONLY);
    if (fstat(file, &stat) != 0)
        fail("fstat");
    uint64_t sum = 0, *words = must(mmap(NULL, stat.st_size, PROT_READ, MAP_SHARED, file, 0));
    close(file);
    for (size_t i = 0; i < stat.st_size / sizeof *words; i += 8)
        sum += words[i] % 1021;
    munmap(words, stat.st_size);
    return sum;
}

int main(int argc, char **argv) {
    if (argc != 5 || chdir(argv[4]) != 0) {
        fprintf(stderr, "usage: small_files make|read|evict COUNT NUMBER FOLDER\n");
        return 2;
    }
    size_t count = strtoul(argv[2], NULL, 10), number = strtoul(argv[3], NULL, 10);
    if (strcmp(argv[1], "make") == 0) {
        make(count, number);
        return 0;
    }
    if (strcmp(argv[1], "evict") == 0) {
        for (size_t i = 0; i < count; i++) {
            int file = opened(i, O_RDONLY);
            posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
            close(file);
        }
        return 0;
    }
    size_t *order = must(malloc(count * sizeof *order));
    uint64_t state = number, sum = 0;
    for (size_t i = 0; i < count; i++) {
        size_t other = next(&state) % (i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    double start = now();
    for (size_t i = 0; i < count; i++)
        sum += read_one(order[i]);
    printf("{\"operations\": %zu, \"seconds\": %.6f, \"sum\": %lu}\n", count, now() - start, sum);
    return 0;
}
