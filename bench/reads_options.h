// What bench/mapped_reads.c can be told, as NAME=VALUE.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *pattern; // uniform hot scattered sequential strided backwards alternating
    const char *by;      // mmap read anon
    const char *advise;  // none random sequential: by madvise on the whole mapping, as the program's own wish
    const char *lock;    // none; by mlock hot, the oracle's; head, the first `budget` bytes; all, by mlockall if it can
    double seconds;      // the window's length
    double settle;       // seconds before the window opens
    double move;         // seconds after which the hot part moves on; 0: never
    double grow;         // seconds after which the hot part is five times as large; 0: never
    size_t passes;       // instead of a window: so many times over the file
    size_t threads, lookups, seed;
    size_t watch;        // milliseconds between lines on what is locked; 0: none
    size_t reads;        // instead of a window: so many reads
    size_t wait;         // 1: before the window opens says `ready` and reads nothing until a line comes on stdin
    size_t pause;        // microseconds between reads
    size_t share;        // per cent of the reads that the hot part takes
    size_t bytes;        // of anonymous memory
    size_t budget;       // bytes that lock=head takes
    const char *path;
};

static struct options options = {
    .pattern = "uniform",
    .by = "mmap",
    .advise = "none",
    .lock = "none",
    .seconds = 3,
    .threads = 1,
    .lookups = 500,
    .seed = 1,
    .share = 95,
};

static void set(char *argument) {
    char *value = strchr(argument, '=');
    if (!value) {
        options.path = argument;
        return;
    }
    *value++ = 0;
    struct {
        const char *name;
        const char **text;
        size_t *number;
        double *seconds;
    } known[] = {
        {"pattern", &options.pattern, 0, 0}, {"by", &options.by, 0, 0},           {"advise", &options.advise, 0, 0},
        {"lock", &options.lock, 0, 0},       {"seconds", 0, 0, &options.seconds}, {"settle", 0, 0, &options.settle},
        {"move", 0, 0, &options.move},       {"grow", 0, 0, &options.grow},       {"passes", 0, &options.passes, 0},
        {"threads", 0, &options.threads, 0}, {"lookups", 0, &options.lookups, 0}, {"seed", 0, &options.seed, 0},
        {"watch", 0, &options.watch, 0},     {"reads", 0, &options.reads, 0},     {"wait", 0, &options.wait, 0},
        {"pause", 0, &options.pause, 0},     {"share", 0, &options.share, 0},     {"bytes", 0, &options.bytes, 0},
        {"budget", 0, &options.budget, 0},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, argument) == 0) {
            if (known[i].text)
                *known[i].text = value;
            else if (known[i].number)
                *known[i].number = strtoull(value, NULL, 10);
            else
                *known[i].seconds = strtod(value, NULL);
            return;
        }
    fprintf(stderr, "no option is named %s\n", argument);
    exit(2);
}
