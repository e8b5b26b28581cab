// Makes many small mappings of a file, one after the other, touches each, has them all at once, and unmaps them.
// usage: many_mappings COUNT BYTES FILE
// Prints a JSON line: mappings, the seconds that making, touching and unmapping took, and the MiB of anonymous memory that
// came meanwhile (none of it is the program's own).
#include "common.h"

static size_t anonymous_kib(void) {
    static char text[8192];
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? -1 : read(file, text, sizeof text - 1);
    char *field = n < 0 ? NULL : strstr(text, "RssAnon:");
    close(file);
    return field ? strtoul(field + strlen("RssAnon:"), NULL, 10) : 0;
}

int main(int argc, char **argv) {
    size_t count = argc == 4 ? strtoul(argv[1], NULL, 10) : 0, bytes = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    int file = argc == 4 ? open(argv[3], O_RDONLY) : -1;
    if (file < 0 || !count || !bytes) {
        fprintf(stderr, "usage: many_mappings COUNT BYTES FILE\n");
        return 2;
    }
    quiet_stdio();
    volatile char **at = must(malloc(count * sizeof *at));
    memset(at, 0, count * sizeof *at);
    size_t before = anonymous_kib();
    char sum = 0;
    double start = now();
    for (size_t i = 0; i < count; i++) {
        at[i] = must(mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, 0));
        sum ^= at[i][i % bytes];
    }
    double made = now();
    size_t after = anonymous_kib();
    double again = now();
    for (size_t i = 0; i < count; i++)
        munmap((void *)at[i], bytes);
    double seconds = made - start + now() - again;
    printf("{\"operations\": %zu, \"seconds\": %.6f, \"ours\": %.3f, \"sum\": %d}\n", count, seconds,
           after > before ? (after - before) / 1024.0 : 0, (unsigned char)sum);
    return 0;
}
