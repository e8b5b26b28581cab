// Many blocks of one size, taken and written in main or in threads, and what stays resident after they are freed.
// usage: blocks take THREADS COUNT BYTES    THREADS 0 is main itself; COUNT is of all threads together
//        blocks left                        64 KiB blocks in main and in 8 threads, 4 MiB blocks in main
// prints `name value` lines: touch and free in seconds, slowest in µs (one malloc and memset), resident memory in MiB
#include "common.h"
#include <malloc.h>
#include <pthread.h>

enum { MOST_BLOCKS = 8192, MOST_THREADS = 64 };

struct part {
    pthread_t thread;
    void **blocks;
    size_t n, bytes;
    double slowest;
};

static void *all[MOST_BLOCKS];
static struct part parts[MOST_THREADS];
static pthread_barrier_t begin, taken, looked_at, freed, over;

static void take(struct part *p) {
    for (size_t i = 0; i < p->n; i++) {
        double start = now();
        p->blocks[i] = must(malloc(p->bytes));
        memset(p->blocks[i], 1, p->bytes);
        double took = now() - start;
        if (took > p->slowest)
            p->slowest = took;
    }
}

static void give(struct part *p) {
    for (size_t i = 0; i < p->n; i++)
        free(p->blocks[i]);
}

// Each thread frees its own and lives until all is measured.
static void *work(void *argument) {
    pthread_barrier_wait(&begin);
    take(argument);
    pthread_barrier_wait(&taken);
    pthread_barrier_wait(&looked_at);
    give(argument);
    pthread_barrier_wait(&freed);
    pthread_barrier_wait(&over);
    return NULL;
}

static void start(unsigned threads, void **blocks, size_t count, size_t bytes) {
    pthread_barrier_t *steps[] = {&begin, &taken, &looked_at, &freed, &over};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        pthread_barrier_init(steps[i], NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++) {
        parts[i] = (struct part){.blocks = blocks + i * (count / threads), .n = count / threads, .bytes = bytes};
        if (pthread_create(&parts[i].thread, NULL, work, &parts[i])) {
            fprintf(stderr, "no thread\n");
            exit(1);
        }
    }
}

static void join(unsigned threads) {
    for (unsigned i = 0; i < threads; i++)
        pthread_join(parts[i].thread, NULL);
}

static void take_all(unsigned threads, size_t count, size_t bytes) {
    struct part mine = {.blocks = all, .n = threads ? 0 : count, .bytes = bytes};
    start(threads, all, count, bytes);
    double began = now();
    pthread_barrier_wait(&begin);
    take(&mine);
    pthread_barrier_wait(&taken);
    say("touch", now() - began);
    say_huge(all, count, bytes);
    double slowest = mine.slowest;
    for (unsigned i = 0; i < threads; i++)
        slowest = parts[i].slowest > slowest ? parts[i].slowest : slowest;
    say("slowest", slowest * 1e6);
    began = now();
    pthread_barrier_wait(&looked_at);
    give(&mine);
    pthread_barrier_wait(&freed);
    say("free", now() - began);
    pthread_barrier_wait(&over);
    join(threads);
}

static void left(void) {
    enum { THREADS = 8, EACH = 4096, BIG = 64 };
    struct part small = {.blocks = all, .n = EACH, .bytes = 64 * KIB};
    struct part big = {.blocks = all + 2 * EACH - BIG, .n = BIG, .bytes = 4 * MIB};
    start(THREADS, all + EACH, EACH - BIG, 64 * KIB);
    pthread_barrier_wait(&begin);
    take(&small);
    take(&big);
    pthread_barrier_wait(&taken);
    say_resident("resident");
    pthread_barrier_wait(&looked_at);
    give(&small);
    give(&big);
    pthread_barrier_wait(&freed);
    say_resident("rss_after_free");
    malloc_trim(0);
    say_resident("rss_after_trim");
    pthread_barrier_wait(&over);
    join(THREADS);
}

int main(int argc, char **argv) {
    quiet_stdio();
    if (argc == 5 && strcmp(argv[1], "take") == 0) {
        unsigned threads = atoi(argv[2]);
        size_t count = strtoul(argv[3], NULL, 10), bytes = strtoul(argv[4], NULL, 10);
        if (threads <= MOST_THREADS && count <= MOST_BLOCKS) {
            take_all(threads, count, bytes);
            return 0;
        }
    } else if (argc == 2 && strcmp(argv[1], "left") == 0) {
        left();
        return 0;
    }
    fprintf(stderr, "usage: blocks take THREADS COUNT BYTES | left\n");
    return 2;
}
