// Reads a file in one of many patterns, mapped or by read(), and prints one JSON line of what that cost.
// usage: mapped_reads NAME=VALUE... FILE          the names are those of reads_options.h
//        mapped_reads NAME=VALUE... by=anon bytes=N     the same in memory of malloc's, filled first
//        mapped_reads make BYTES FILE             writes the file: each word of it follows from its place
//        mapped_reads hold FILE                   maps and touches it, says `ready`, and waits until stdin ends
// What must hold: every word read is compared with what the file holds at that place; what the kernel counts is read
// when the window opens and when it closes; the order of reads follows from the seed alone.
#include "counted.h"
#include "reads_options.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#define PAGE ((size_t)4096)
#define WORDS (PAGE / sizeof(uint64_t))
#define PIECE (2 * MIB)
#define MOST_THREADS 16
#define MOST_PIECES 8192
#define CHUNK (128 * KIB)

static int file;
static size_t bytes, pages, pieces;
static volatile uint64_t *words; // the mapping
static char hot[MOST_PIECES];
static size_t hot_pieces[MOST_PIECES], hot_count, generation;
static volatile int open_window, idle, stop;

struct worker {
    pthread_t thread;
    uint64_t state, wrong, sum;
    struct latencies took;
};
static struct worker workers[MOST_THREADS];

// What stands at a place: of anonymous memory, as data is that can be compressed to half.
static uint64_t expected(size_t at) { return options.bytes ? mixed(at) >> 32 : mixed(at); }

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

// --- which pages are hot

// One piece of each ten, in another place of the ten in each generation; or one stretch from two fifths of the file on.
static void choose_hot(size_t tenths) {
    int scattered = strcmp(options.pattern, "scattered") == 0;
    size_t count = 0;
    memset(hot, 0, sizeof hot);
    if (strcmp(options.pattern, "hot") != 0 && !scattered)
        return;
    for (size_t i = 0; i < pieces; i++) {
        size_t ten = i / 10, place = (mixed(ten * 31 + options.seed) + generation * 3) % 10;
        size_t from = pieces * (4 + generation) / 10;
        int is = scattered ? (i + 10 - place) % 10 < tenths : i >= from && i < from + pieces * tenths / 10;
        hot[i] = is;
        if (is)
            hot_pieces[count++] = i;
    }
    hot_count = count;
}

static size_t random_page(uint64_t *state) {
    uint64_t r = drawn(state);
    if (hot_count && r % 100 < options.share)
        return hot_pieces[(r >> 8) % hot_count] * (PIECE / PAGE) + (r >> 40) % (PIECE / PAGE);
    return (r >> 8) % pages;
}

// --- reading

static void look(struct worker *w, size_t page) {
    size_t at = page * WORDS + (page * 7) % WORDS;
    uint64_t got;
    if (words) {
        got = words[at];
    } else if (pread(file, &got, sizeof got, at * sizeof got) != sizeof got) {
        die("pread");
    }
    w->wrong += got != expected(at);
    w->sum += got;
}

// The whole of a page, a word of each cache line.
static void take(struct worker *w, volatile uint64_t *page, size_t number) {
    for (size_t i = 0; i < WORDS; i += 8)
        w->sum += page[i] ^ i;
    w->wrong += page[0] != expected(number * WORDS);
}

// All of the file from the front.
static void scan(struct worker *w) {
    uint64_t before = nanoseconds();
    for (size_t page = 0; page < pages && !stop; page += CHUNK / PAGE) {
        size_t n = pages - page < CHUNK / PAGE ? pages - page : CHUNK / PAGE;
        for (size_t i = 0; i < n; i++)
            take(w, words + (page + i) * WORDS, page + i);
        uint64_t after = nanoseconds();
        count(&w->took, after - before);
        before = after;
    }
}

// By read() as a copying program does it: the descriptor's own offset.
static void scan_by_read(struct worker *w) {
    static uint64_t chunk[CHUNK / sizeof(uint64_t)];
    if (lseek(file, 0, SEEK_SET) != 0)
        die("lseek");
    size_t page = 0;
    for (ssize_t got; !stop && (got = read(file, chunk, CHUNK)) > 0; page += got / PAGE)
        for (size_t i = 0; i < got / PAGE; i++)
            take(w, chunk + i * WORDS, page + i);
}

// The next page of an orderly pattern.
static size_t orderly(size_t step) {
    size_t stride = 16;
    if (strcmp(options.pattern, "backwards") == 0)
        return pages - 1 - step % pages;
    size_t rows = pages / stride;
    return (step % rows) * stride + step / rows % stride;
}

static void *work(void *argument) {
    struct worker *w = argument;
    int is_random = strcmp(options.pattern, "uniform") == 0 || strcmp(options.pattern, "hot") == 0 ||
                    strcmp(options.pattern, "scattered") == 0;
    int is_open = 0;
    uint64_t before = nanoseconds();
    for (size_t step = 0; !stop; step++) {
        if (!is_open && open_window && !idle) {
            forget(&w->took);
            is_open = 1;
            before = nanoseconds();
        }
        if (idle) {
            usleep(1000);
            continue;
        }
        look(w, is_random ? random_page(&w->state) : orderly(step));
        uint64_t after = nanoseconds();
        count(&w->took, after - before);
        if (options.pause) {
            usleep(options.pause);
            after = nanoseconds();
        }
        before = after;
        if (options.reads && is_open && w->took.reads >= options.reads)
            break;
    }
    return NULL;
}

static void pass_over(struct worker *w) {
    int alternates = strcmp(options.pattern, "alternating") == 0, scans = strcmp(options.pattern, "sequential") == 0;
    for (size_t pass = 0; !stop && (options.passes == 0 || pass < options.passes); pass++) {
        for (size_t i = 0; alternates && i < options.lookups; i++) {
            uint64_t before = nanoseconds();
            look(w, drawn(&w->state) % pages);
            count(&w->took, nanoseconds() - before);
        }
        if ((scans || alternates) && !words)
            scan_by_read(w);
        else if (scans || alternates)
            scan(w);
        else
            for (size_t i = 0; i < pages; i++)
                look(w, orderly(i));
    }
}

// --- what the kernel counts

struct locked {
    size_t all, of_hot, hot;
};

// What of the mapping is locked, and how much of that is hot.
static struct locked locked(void) {
    struct locked sum = {0, 0, 0};
    unsigned long from = 0, to = 0;
    char line[512];
    FILE *smaps = words ? fopen("/proc/self/smaps", "r") : NULL;
    for (size_t i = 0; i < pieces; i++)
        sum.hot += hot[i] ? PIECE : 0;
    while (smaps && fgets(line, sizeof line, smaps)) {
        unsigned long a, b;
        if (sscanf(line, "%lx-%lx ", &a, &b) == 2)
            from = a, to = b;
        else if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " lo"))
            for (size_t i = 0; i < pieces; i++) {
                size_t start = (uintptr_t)words + i * PIECE, end = start + PIECE;
                size_t low = start > from ? start : from, high = end < to ? end : to;
                sum.all += low < high ? high - low : 0;
                sum.of_hot += low < high && hot[i] ? high - low : 0;
            }
    }
    if (smaps)
        fclose(smaps);
    return sum;
}

static uint64_t reads_ever(void) {
    uint64_t sum = 0;
    for (size_t i = 0; i < options.threads; i++)
        sum += *(volatile uint64_t *)&workers[i].took.ever;
    return sum;
}

static void say_watched(double at, uint64_t reads) {
    struct locked l = locked();
    printf("{\"at\": %.1f, \"reads\": %lu, \"locked\": %zu, \"locked_hot\": %zu, \"hot\": %zu}\n", at, reads, l.all,
           l.of_hot, l.hot);
    fflush(stdout);
}

static void wait_watching(double until, double start) {
    for (;;) {
        double left = until - now(), step = options.watch ? options.watch / 1e3 : left;
        if (left <= 0)
            return;
        uint64_t before = reads_ever();
        usleep((step < left ? step : left) * 1e6);
        if (options.watch)
            say_watched(now() - start, reads_ever() - before);
    }
}

// --- set-up

static void make(const char *path, size_t size) {
    static uint64_t chunk[MIB / sizeof(uint64_t)];
    file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0)
        die(path);
    for (size_t word = 0; word < size / sizeof *chunk; word += MIB / sizeof *chunk) {
        for (size_t i = 0; i < MIB / sizeof *chunk; i++)
            chunk[i] = mixed(word + i);
        size_t left = size - word * sizeof *chunk, n = left < MIB ? left : MIB;
        if (write(file, chunk, n) != (ssize_t)n)
            die("write");
    }
    if (fsync(file) != 0)
        die("fsync");
}

static void open_file(void) {
    struct stat stat;
    if (options.bytes) {
        bytes = options.bytes;
    } else {
        file = open(options.path, O_RDONLY | O_CLOEXEC);
        if (file < 0 || fstat(file, &stat) != 0)
            die(options.path);
        bytes = stat.st_size;
    }
    pages = bytes / PAGE;
    pieces = bytes / PIECE < MOST_PIECES ? bytes / PIECE : MOST_PIECES;
}

static void lock_hot(void) {
    for (size_t i = 0; i < pieces && strcmp(options.lock, "hot") == 0; i++)
        if (hot[i] && mlock((char *)(uintptr_t)words + i * PIECE, PIECE) != 0)
            die("mlock");
}

static void fill(void) {
    uint64_t *filled = must(malloc(bytes));
    for (size_t i = 0; i < bytes / sizeof *filled; i++)
        filled[i] = expected(i);
    words = filled;
    lock_hot();
}

static void map(void) {
    void *p = must(mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, 0));
    words = p;
    int advice = strcmp(options.advise, "random") == 0       ? MADV_RANDOM
                 : strcmp(options.advise, "sequential") == 0 ? MADV_SEQUENTIAL
                                                             : MADV_NORMAL;
    // a limit that forbids it is what this way of locking meets: nothing is locked then
    if (strcmp(options.lock, "all") == 0 && mlockall(MCL_CURRENT | MCL_ONFAULT) != 0)
        fprintf(stderr, "mlockall: %s\n", strerror(errno));
    if (strcmp(options.lock, "head") == 0 && mlock(p, options.budget) != 0)
        die("mlock");
    lock_hot();
    if (advice != MADV_NORMAL && madvise(p, bytes, advice) != 0)
        die("madvise");
}

static void hold(void) {
    static struct worker w;
    for (int i = 0; i < 2; i++)
        for (size_t page = 0; page < pages; page++)
            look(&w, page);
    printf("ready\n");
    fflush(stdout);
    while (getchar() != EOF) {
    }
}

_Noreturn static void say_all(double seconds, double mapping, struct costs before) {
    struct costs after = costs();
    struct locked l = locked();
    static struct latencies took;
    uint64_t wrong = 0, sum = 0;
    for (size_t i = 0; i < options.threads; i++) {
        add(&took, &workers[i].took);
        wrong += workers[i].wrong;
        sum += workers[i].sum;
    }
    printf("{\"operations\": %lu, \"seconds\": %.6f, \"rate\": %.1f, \"mapping\": %.6f, ", took.reads, seconds,
           took.reads / seconds, mapping);
    printf("\"p50\": %lu, \"p99\": %lu, \"p999\": %lu, \"slowest\": %lu, ", quantile(&took, 0.5), quantile(&took, 0.99),
           quantile(&took, 0.999), took.slowest);
    printf("\"major\": %.0f, \"minor\": %.0f, \"read_bytes\": %.0f, ", after.major - before.major,
           after.minor - before.minor, after.read - before.read);
    // a sum that a double can hold, of what is read in the same order and number each time
    printf("\"locked\": %zu, \"locked_hot\": %zu, \"hot\": %zu, \"wrong\": %lu, \"sum\": %lu}\n", l.all, l.of_hot,
           l.hot, wrong, options.passes ? sum % ((uint64_t)1 << 52) : 0);
    if (wrong)
        fprintf(stderr, "%lu words were not what the file holds\n", wrong);
    exit(wrong != 0);
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "make") == 0) {
        make(argv[3], strtoull(argv[2], NULL, 10));
        return 0;
    }
    int holds = argc == 3 && strcmp(argv[1], "hold") == 0;
    for (int i = 1 + holds; i < argc; i++)
        set(argv[i]);
    if ((!options.path && !options.bytes) || options.threads < 1 || options.threads > MOST_THREADS) {
        fprintf(stderr, "usage: mapped_reads NAME=VALUE... FILE\n");
        return 2;
    }
    struct costs before = costs();
    open_file();
    choose_hot(1);
    double start = now(), begun = start;
    if (options.bytes)
        fill();
    else if (strcmp(options.by, "read") != 0)
        map();
    double mapping = now() - start;
    if (holds) {
        hold();
        return 0;
    }
    for (size_t i = 0; i < options.threads; i++)
        workers[i].state = mixed(options.seed * 1000 + i);
    if (options.passes || options.seconds == 0) {
        pass_over(&workers[0]);
        say_all(now() - start, mapping, before);
    }
    // the seconds of the reading start when the file is mapped, those that are said hold the mapping too
    open_window = options.settle == 0 && !options.wait;
    for (size_t i = 0; i < options.threads; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            die("pthread_create");
    if (options.settle > 0)
        wait_watching(now() + options.settle, begun);
    if (options.wait) {
        idle = 1;
        printf("ready\n");
        fflush(stdout);
        (void)getchar();
    }
    double opened = now();
    if (!open_window) {
        before = costs();
        start = opened;
        open_window = 1;
        idle = 0;
    }
    double turn = options.move > 0 ? options.move : options.grow > 0 ? options.grow : 0;
    if (turn > 0) {
        wait_watching(opened + turn, begun);
        generation += options.move > 0;
        choose_hot(options.grow > 0 ? 5 : 1);
    }
    if (!options.reads)
        wait_watching(opened + options.seconds, begun);
    stop = !options.reads;
    for (size_t i = 0; i < options.threads; i++)
        pthread_join(workers[i].thread, NULL);
    say_all(now() - start, mapping, before);
}
