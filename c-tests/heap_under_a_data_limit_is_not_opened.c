// Under RLIMIT_DATA, which counts what may be written although nobody has, no arena is opened and nothing padded.
// limit: data=900M
// policy: heap:huge
// policy: throughput
// serial: memory
#include "test.h"
#include "heap_blocks.h"

static size_t data(void) {
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    size_t kb = 0;
    CHECK(f != NULL);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "VmData: %zu", &kb) == 1) break;
    fclose(f);
    return kb << 10;
}

static void *work(void *arg) {
    struct blocks b = blocks_of(MIB(2), 1000);
    CHECK(data() < MIB(60));
    blocks_gone(b);
    return arg;
}

int main(void) {
    struct blocks b = blocks_of(MIB(4), 1000);
    CHECK(below_the_break(b.at[b.count - 1]) < MIB(1));
    in_threads(4, work, NULL);
    blocks_gone(b);
    return 0;
}
