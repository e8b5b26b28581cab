// 1 GiB by malloc or mmap, touched page by page, then once more: what a first touch costs and what it doesn't.
// usage: touch malloc|mmap [MIB]
// prints a line per phase: NAME seconds=S faults=N (minor faults of the process, getrusage)
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static long faults(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_minflt;
}

int main(int argc, char **argv) {
    int by_mmap = argc > 1 && strcmp(argv[1], "mmap") == 0;
    size_t bytes = (argc > 2 ? strtoul(argv[2], NULL, 10) : 1024) << 20;
    static char out[BUFSIZ]; // no malloc and no first touch by stdio between the phases
    setvbuf(stdout, out, _IOFBF, sizeof out);
    memset(out, 0, sizeof out);

    double start = now();
    volatile char *p = by_mmap ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                               : malloc(bytes);
    if (!p || p == MAP_FAILED) {
        perror("no memory");
        return 1;
    }
    printf("allocate seconds=%.4f\n", now() - start);
    for (int again = 0; again < 2; again++) {
        long before = faults();
        start = now();
        for (size_t i = 0; i < bytes; i += 4096)
            p[i] = 1;
        double took = now() - start;
        printf("%s seconds=%.4f faults=%ld\n", again ? "again" : "touch", took, faults() - before);
    }
    return 0;
}
