// The model test's course: epochs of a few threads, and at the end of each everything is freed.
//
// What must hold here: after each epoch no block is live, and what is resident and locked then is what it was at the
// start, up to MODEL_KEPT (MiB, what may be kept) and what is free in glibc's own heaps.
// Environment: MODEL_SEED, MODEL_SECONDS (of all epochs together), MODEL_THREADS (in each; else 1 to 6), MODEL_KEPT,
// MODEL_WITHOUT (words of pvalloc, enomem, fork, space).
#include "model.h"
#include <time.h>

enum {
    LIVE_MAX = 192,     // MiB of all blocks together
    ALLOCATORS_OWN = 48 // MiB that may stay resident for all else
};

struct without without;
bool may_set_threshold;
__thread struct run *run;
struct block *_Atomic mailboxes[MAILBOXES];

static uint64_t seed;
static double ends_at;
static unsigned long operations;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t from_env(const char *name, uint64_t otherwise) {
    const char *value = getenv(name);
    return value && *value ? strtoull(value, NULL, 10) : otherwise;
}

static void where(char *line, size_t size) {
    snprintf(line, size, "MODEL_SEED=%lu, epoch %d, thread %d, operation %lu, %s%s", (unsigned long)seed, run->epoch,
             run->thread, run->op, run->doing, run->is_child ? ", in a child" : "");
}

void fail(const char *format, ...) {
    char what[300], place[200];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    where(place, sizeof place);
    dprintf(2, "%s (%s)\n", what, place);
    _exit(1);
}

// Says where it was; the signal then comes again and ends the process.
static void on_signal(int number, siginfo_t *info, void *context) {
    (void)context;
    char place[200] = "outside of the threads of the model";
    if (run) where(place, sizeof place);
    dprintf(2, "signal %d at %p (%s)\n", number, info->si_addr, place);
}

static void catch_signals(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | (int)SA_RESETHAND};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGBUS, &action, NULL) == 0);
    CHECK(sigaction(SIGABRT, &action, NULL) == 0 && sigaction(SIGILL, &action, NULL) == 0);
}

// A line of /proc/self/status, in bytes.
static size_t status_of(const char *name) {
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    CHECK(fd >= 0 && n > 0 && close(fd) == 0);
    text[n] = 0;
    const char *line = strstr(text, name);
    CHECK(line != NULL);
    return strtoull(line + strlen(name), NULL, 10) << 10;
}

// What was left on a block may not be found on the next one, which has its pages perhaps.
static void bring_round(struct block *b) {
    size_t around = run->around;
    if (one_in(2)) resize(b);
    run->around = b->size - b->size / 10;
    release(b);
    allocate(b);
    run->around = around;
    if (!without.fork && one_in(4)) fork_and_look();
}

// Bytes that are free in glibc's heaps: malloc_trim leaves the top of each thread's, up to the trim threshold.
static size_t free_in_heaps(void) {
#if __GLIBC_PREREQ(2, 33)
    return mallinfo2().fordblks;
#else
    return MIB(448);
#endif
}

static void one_operation(void) {
    struct block **slot = &run->slots[below(SLOTS)], *b = *slot;
    size_t what = below(10000);
    if (what < 20 && !without.fork) {
        run->doing = "fork";
        fork_and_look();
    } else if (what < 30 && !without.fork) {
        run->doing = "vfork or posix_spawn";
        start_another();
    } else if (what < 50) {
        run->doing = "tuning";
        tune();
    } else if (what < 100) {
        run->doing = "mmap";
        map_elsewhere();
    } else if (what < 120 || (run->epoch % 4 == 3 && !one_in(16))) {
        run->doing = "churn";
        churn();
    } else if (what < 400) {
        run->doing = "an impossible size";
        fail_to_allocate(b);
    } else if (what < 1600) {
        // for another thread to free; what that one left is ours now
        *slot = atomic_exchange(&mailboxes[below(MAILBOXES)], b);
    } else if (!b->at) {
        run->doing = "allocate";
        if (live_bytes() < MIB(LIVE_MAX)) allocate(b);
    } else if (what < 5000 || live_bytes() >= MIB(LIVE_MAX)) {
        run->doing = "free";
        release(b);
    } else if (what < 7500) {
        run->doing = "realloc";
        resize(b);
    } else if (what < 8500 && !without.space) {
        run->doing = "an address-space call";
        call_on_pages(b);
        if (b->left != NOTHING && one_in(2)) bring_round(b);
    } else {
        run->doing = "check";
        check_block(b);
    }
}

static void *work(void *mine) {
    run = mine;
    do {
        one_operation();
    } while (++run->op % 16 != 0 || now() < ends_at);
    return NULL;
}

static void free_everything(struct run *runs) {
    run->doing = "free at the end of an epoch";
    for (int t = 0; t < MOST_THREADS; t++)
        for (int i = 0; i < SLOTS; i++)
            if (runs[t].slots[i]->at) release(runs[t].slots[i]);
    for (int i = 0; i < MAILBOXES; i++)
        if (mailboxes[i]->at) release(mailboxes[i]);
    REQUIRE(live_bytes() == 0, "the model has lost count");
}

// One stretch of time with some threads.
static void epoch(int number, struct run *runs, size_t most_resident, size_t most_locked) {
    pthread_t threads[MOST_THREADS];
    // every second epoch: blocks of nearly one size; every fourth: hardly anything but churn, by many threads
    size_t around = number % 2 == 1 ? KIB(60) << below(6) : 0;
    size_t least = number % 4 == 3 ? 4 : 1;
    size_t n = from_env("MODEL_THREADS", number == 0 ? 1 : least + below(MOST_THREADS + 1 - least));
    for (size_t t = 0; t < n && t < MOST_THREADS; t++) {
        runs[t].random = seed ^ (uint64_t)(number * MOST_THREADS + (int)t + 1) * 0xA24BAED4963EE407u;
        runs[t].epoch = number;
        runs[t].thread = (int)t;
        runs[t].op = 0;
        runs[t].around = around;
        CHECK(pthread_create(&threads[t], NULL, work, &runs[t]) == 0);
    }
    for (size_t t = 0; t < n && t < MOST_THREADS; t++) {
        CHECK(pthread_join(threads[t], NULL) == 0);
        operations += runs[t].op;
    }
    run->epoch = number;
    free_everything(runs);
    malloc_trim(0);
    size_t resident = status_of("VmRSS:"), locked = status_of("VmLck:"), in_heaps = free_in_heaps();
    REQUIRE(resident <= most_resident + in_heaps,
            "%zu MiB are resident when all is freed and trimmed, more than %zu and %zu in heaps", resident >> 20,
            most_resident >> 20, in_heaps >> 20);
    REQUIRE(locked <= most_locked, "%zu KiB are locked when all is freed", locked >> 10);
}

int main(int argc, char **argv) {
    static struct run of_main, runs[MOST_THREADS];
    static char self[4096];
    if (argc > 1 && strcmp(argv[1], "leave") == 0) return 0;
    run = &of_main;
    seed = from_env("MODEL_SEED", (uint64_t)(now() * 1e6) ^ ((uint64_t)getpid() << 40));
    run->random = seed;
    run->doing = "start";
    catch_signals();
    const char *words = getenv("MODEL_WITHOUT");
    without.pvalloc = words && strstr(words, "pvalloc");
    without.enomem = words && strstr(words, "enomem");
    without.fork = words && strstr(words, "fork");
    without.space = words && strstr(words, "space");
    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    open_children(self);
    open_space();
    for (int i = 0; i < MAILBOXES; i++) mailboxes[i] = new_record();
    for (int t = 0; t < MOST_THREADS; t++)
        for (int i = 0; i < SLOTS; i++) runs[t].slots[i] = new_record();

    double seconds = (double)from_env("MODEL_SECONDS", 8), all_end = now() + seconds;
    size_t kept = MIB(from_env("MODEL_KEPT", 0)), locked = status_of("VmLck:") + kept;
    size_t most = status_of("VmRSS:") + kept + MIB(ALLOCATORS_OWN);
    int number = 0;
    for (; number == 0 || now() < all_end; number++) {
        ends_at = now() + seconds / 8;
        if (ends_at >= all_end) {
            ends_at = all_end;
            may_set_threshold = one_in(2);
        }
        epoch(number, runs, most, locked);
    }
    printf("MODEL_SEED=%lu: %lu operations in %d epochs\n", (unsigned long)seed, operations, number);
    return 0;
}
