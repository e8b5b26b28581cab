// Single large blocks: first and second touch, calloc, random reads, reuse, realloc, and a mapping without malloc.
// usage: large malloc|calloc|reads|reuse|realloc|mmap
// prints `name value` lines, in seconds
#include "common.h"

// The allocation and the touch loop, apart and together, and the same loop once more.
static void by_malloc(void) {
    double start = now();
    char *p = must(malloc(GIB));
    double allocated = now();
    touch(p, GIB);
    double touched = now();
    touch(p, GIB);
    double again = now();
    say("total", touched - start);
    say("allocate", allocated - start);
    say("touch", touched - allocated);
    say("again", again - touched);
    say_huge((void *[]){p}, 1, GIB);
    free(p);
}

static void by_calloc(void) {
    double start = now();
    volatile char *p = must(calloc(GIB, 1));
    unsigned sum = 0;
    for (size_t i = 0; i < GIB; i += 4096)
        sum += p[i];
    say("total", now() - start);
    say_huge((void *[]){(void *)p}, 1, GIB);
    if (sum) {
        fprintf(stderr, "calloc gave memory that is not zero\n");
        exit(1);
    }
    free((void *)p);
}

// Each address comes of what was read before, so that no two reads overlap.
static void reads(void) {
    unsigned char *p = must(malloc(GIB));
    touch((char *)p, GIB);
    say_huge((void *[]){p}, 1, GIB);
    uint64_t x = 88172645463325252u;
    double start = now();
    for (int i = 0; i < 5000000; i++)
        x = x * 6364136223846793005u + 1442695040888963407u + ((volatile unsigned char *)p)[x >> 34];
    say("reads", now() - start);
    say("sum", x & 1);
    free(p);
}

static void reuse(void) {
    double start = now();
    for (int i = 0; i < 40; i++) {
        char *a = must(malloc(64 * MIB));
        touch(a, 64 * MIB);
        char *b = must(malloc(32 * MIB));
        touch(b, 32 * MIB);
        if (i == 39) {
            say("total", now() - start); // but for the last two frees: what they held is looked at first
            say_huge((void *[]){a, b}, 2, 32 * MIB);
        }
        free(a);
        free(b);
    }
}

static void by_realloc(void) {
    double start = now();
    char *p = must(malloc(MIB));
    touch(p, MIB);
    for (size_t bytes = 2 * MIB; bytes <= 2 * GIB; bytes *= 2) {
        p = must(realloc(p, bytes));
        touch(p + bytes / 2, bytes / 2);
    }
    say("total", now() - start);
    say_huge((void *[]){p}, 1, 2 * GIB);
    free(p);
}

static void by_mmap(void) {
    double start = now();
    char *p = must(mmap(NULL, 256 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(p, 1, 256 * MIB);
    say("total", now() - start);
    say_huge((void *[]){p}, 1, 256 * MIB);
    munmap(p, 256 * MIB);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
    } works[] = {{"malloc", by_malloc}, {"calloc", by_calloc},   {"reads", reads},
                 {"reuse", reuse},      {"realloc", by_realloc}, {"mmap", by_mmap}};
    quiet_stdio();
    for (size_t i = 0; argc == 2 && i < sizeof works / sizeof *works; i++) {
        if (strcmp(argv[1], works[i].name) == 0) {
            works[i].run();
            return 0;
        }
    }
    fprintf(stderr, "usage: large malloc|calloc|reads|reuse|realloc|mmap\n");
    return 2;
}
