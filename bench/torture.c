// Threads that map, write, unmap and replace shared and private ranges at the same addresses, while another reads a
// file at random so that there is something to be sampled. Counts the bytes that were not what had been written.
// usage: torture ROUNDS THREADS FILE        FILE as mapped_reads makes it; prints a JSON line: operations, lost
// What must hold: a range belongs to one thread, so that all that changes in it unasked is somebody else's doing.
#include "counted.h"

#include <pthread.h>
#include <sys/stat.h>

#define PAGE ((size_t)4096)
#define WORDS (PAGE / sizeof(uint64_t))
#define RANGE (4 * MIB)
#define TOUCHED 2
#define CLOSE 16
#define READERS 1

enum kind { SHARED_FILE, PRIVATE_FILE, PRIVATE_MEMORY, SHARED_MEMORY, KINDS };

static int file;
static size_t bytes;
static uint64_t left;
static volatile int stop;

struct thread {
    pthread_t thread;
    uint64_t state, rounds, lost;
};

static void *mapped(void *at, enum kind kind, int fixed) {
    int writable = kind == SHARED_FILE ? PROT_READ : PROT_READ | PROT_WRITE;
    int flags = kind == SHARED_FILE || kind == SHARED_MEMORY ? MAP_SHARED : MAP_PRIVATE;
    int of_file = kind == SHARED_FILE || kind == PRIVATE_FILE;
    flags |= of_file ? 0 : MAP_ANONYMOUS;
    void *p = mmap(at, RANGE, writable, flags | fixed, of_file ? file : -1, 0);
    // somebody else's mapping may lie where ours was
    return p != MAP_FAILED ? p : must(mmap(NULL, RANGE, writable, flags, of_file ? file : -1, 0));
}

// What a page's first word is before anything is written.
static uint64_t untouched(enum kind kind, size_t page) {
    return kind == SHARED_FILE || kind == PRIVATE_FILE ? mixed(page * WORDS) : 0;
}

static void linger(uint64_t r) {
    if (r % 4096 == 0)
        usleep(500);
    for (volatile uint64_t i = 0; i < r % 512; i++) {
    }
}

static void one_round(struct thread *t, volatile uint64_t **range) {
    uint64_t r = drawn(&t->state), stamp = r | 1;
    enum kind kind = r % KINDS;
    size_t touched[TOUCHED];
    if (r >> 8 & 1) {
        munmap((void *)*range, RANGE);
        *range = mapped((void *)*range, kind, MAP_FIXED_NOREPLACE);
    } else {
        *range = mapped((void *)*range, kind, MAP_FIXED);
    }
    for (size_t i = 0; i < TOUCHED; i++) {
        // each in a stretch of its own, so that no page is touched twice; near its beginning, so that what a late zap
        // of the range before would hit is likely to be there
        size_t page = touched[i] = i * (RANGE / PAGE / TOUCHED) + drawn(&t->state) % CLOSE;
        volatile uint64_t *word = *range + page * WORDS;
        t->lost += *word != untouched(kind, page) ? sizeof *word : 0;
        if (kind != SHARED_FILE)
            *word = stamp + i;
    }
    linger(r >> 16);
    for (size_t i = 0; i < TOUCHED; i++) {
        uint64_t wanted = kind == SHARED_FILE ? untouched(kind, touched[i]) : stamp + i;
        t->lost += (*range)[touched[i] * WORDS] != wanted ? sizeof wanted : 0;
    }
}

static void *replace(void *argument) {
    struct thread *t = argument;
    volatile uint64_t *range = mapped(NULL, SHARED_FILE, 0);
    while ((int64_t)__atomic_fetch_sub(&left, 1, __ATOMIC_RELAXED) > 0) {
        one_round(t, &range);
        t->rounds++;
    }
    return NULL;
}

// Of a small file a few pages alone: what is sampled as fast as possible then meets the ranges the more often.
static void *read_on(void *argument) {
    struct thread *t = argument;
    volatile uint64_t *words = must(mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, 0));
    while (!stop) {
        size_t page = drawn(&t->state) % (bytes > RANGE ? bytes / PAGE : CLOSE);
        t->lost += words[page * WORDS] != mixed(page * WORDS) ? sizeof *words : 0;
    }
    return NULL;
}

int main(int argc, char **argv) {
    static struct thread threads[64 + READERS];
    struct stat stat;
    size_t count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    file = argc == 4 ? open(argv[3], O_RDONLY | O_CLOEXEC) : -1;
    if (count < 1 || count > 64 || file < 0 || fstat(file, &stat) != 0 || (size_t)stat.st_size < RANGE) {
        fprintf(stderr, "usage: torture ROUNDS THREADS FILE\n");
        return 2;
    }
    bytes = stat.st_size;
    left = strtoull(argv[1], NULL, 10);
    double start = now();
    for (size_t i = 0; i < count + READERS; i++) {
        threads[i].state = mixed(i);
        must(pthread_create(&threads[i].thread, NULL, i < count ? replace : read_on, &threads[i]) == 0 ? &left : NULL);
    }
    uint64_t rounds = 0, lost = 0;
    for (size_t i = 0; i < count + READERS; i++) {
        stop = i == count;
        pthread_join(threads[i].thread, NULL);
        rounds += threads[i].rounds;
        lost += threads[i].lost;
    }
    printf("{\"operations\": %lu, \"seconds\": %.6f, \"lost\": %lu}\n", rounds, now() - start, lost);
    return 0;
}
