// Threads unmap, replace and move mappings that are being sampled, and put memory of their own in the same place: not a
// byte of it is lost.
// policy: file@4M:lock=hot
// env: FAULTLESS_LOCK_MAX=8M
// page: rule1.failed = 0, hot_samples >= 1000
// serial: reads from disk all the time
#include "test.h"
#include "disk_reads.h"

#define THREADS 3
#define WINDOWS 2
#define WINDOW MIB(24)

static int file;
static volatile int stop;
static unsigned long rounds[THREADS];
// What one thread has unmapped and is about to map again, no other may get from the kernel.
static pthread_mutex_t holes = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t all_there; // nor the stack of a thread that is made later

// Content of a page of a window in a round: never what the file has.
static void own(char *page, unsigned long round) {
    for (size_t i = 0; i < PAGE; i += 512) *(unsigned long *)(page + i) = ~round ^ i;
}

static int is_own(const char *page, unsigned long round) {
    for (size_t i = 0; i < PAGE; i += 512)
        if (*(const unsigned long *)(page + i) != (~round ^ i)) return 0;
    return 1;
}

static void share(char *at) {
    CHECK(mmap(at, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == at);
    for (size_t page = 0; page < WINDOW; page += KIB(64)) CHECK(*(volatile unsigned char *)(at + page) == pattern_of_(page / 4096, 1)[0]);
}

// Puts private memory where a window is, in one of the ways that there are.
static void replace(char *at, unsigned long round) {
    int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *p;
    switch (round % 7) {
    case 0:
        CHECK(munmap(at, WINDOW) == 0);
        CHECK(mmap(at, WINDOW, prot, flags | MAP_FIXED, -1, 0) == at);
        return;
    case 1: CHECK(mmap(at, WINDOW, prot, flags | MAP_FIXED, -1, 0) == at); return;
    case 2: // in two parts
        CHECK(munmap(at + WINDOW / 2, WINDOW / 2) == 0 && munmap(at, WINDOW / 2) == 0);
        CHECK(mmap(at, WINDOW, prot, flags | MAP_FIXED, -1, 0) == at);
        return;
    case 3: // the window itself moves away
        p = mmap(NULL, WINDOW, PROT_NONE, flags, -1, 0);
        CHECK(p != MAP_FAILED && mremap(at, WINDOW, WINDOW, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p);
        CHECK(mmap(at, WINDOW, prot, flags | MAP_FIXED, -1, 0) == at);
        CHECK(munmap(p, WINDOW) == 0);
        return;
    default: // what is moved there has content already
        p = map(WINDOW);
        for (size_t page = 0; page < WINDOW; page += KIB(64)) own(p + page, round);
        CHECK(mremap(p, WINDOW, WINDOW, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at);
        for (size_t page = 0; page < WINDOW; page += KIB(64)) CHECK(is_own(at + page, round));
    }
}

static void *storm(void *arg) {
    unsigned long *round = arg;
    char *windows = mmap(NULL, WINDOWS * WINDOW, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(windows != MAP_FAILED);
    for (int i = 0; i < WINDOWS; i++) share(windows + i * WINDOW);
    pthread_barrier_wait(&all_there);
    for (; !stop; ++*round) {
        char *at = windows + *round % WINDOWS * WINDOW;
        size_t first = *round * 13 % 16 * PAGE;
        pthread_mutex_lock(&holes);
        replace(at, *round);
        pthread_mutex_unlock(&holes);
        for (size_t page = first; page < WINDOW; page += KIB(64)) own(at + page, *round);
        for (size_t page = first; page < WINDOW; page += KIB(64)) CHECK(is_own(at + page, *round));
        share(at);
        usleep(*round * 7919 % 30000); // so that some of the other are sampled meanwhile
    }
    return arg;
}

int main(int count, char **args) {
    pthread_t disk = disk_reads_begin(), other[THREADS];
    file = file_of("shared", WINDOW, 1);
    CHECK(pthread_barrier_init(&all_there, NULL, THREADS) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&other[i], NULL, storm, &rounds[i]) == 0);
    sleep(count > 1 ? atoi(args[1]) : 8);
    stop = disk_reads_end = 1;
    unsigned long sum = 0;
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(other[i], NULL) == 0);
        sum += rounds[i];
    }
    CHECK(pthread_join(disk, NULL) == 0 && sum > 100);
    if (count > 1) printf("%lu rounds\n", sum);
    return 0;
}
