// Ten thousand mappings of a file, of every size there is a rule for, take at most 8 MiB of ours, and as many threads as one.
// policy: file:auto,file:lock=hot
// policy: file:drop-behind,file:lock
// limit: memlock=64K
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"

static size_t status_kb(const char *field) {
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    size_t kb = 0, n = strlen(field);
    CHECK(f != NULL);
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, field, n)) kb = strtoul(line + n, NULL, 10);
    fclose(f);
    return kb;
}

int main(void) {
    enum { N = 10000 };
    static char *at[N];
    int fd = file_of("file", MIB(16), 1);
    size_t before = status_kb("RssAnon:");
    for (int i = 0; i < N; i++) {
        size_t n = i % 100 ? KIB(4 + 4 * (i % 50)) : MIB(16);
        at[i] = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
        CHECK(at[i] != MAP_FAILED && at[i][n - 1] == (char)pattern_of_((n - 1) / PAGE, 1)[PAGE - 1]);
    }
    CHECK(threads() <= 2);
    for (int i = 0; i < 20; i++) {
        CHECK(holds(at[i * 100], MIB(16), 1));
        usleep(20000);
    }
    size_t after = status_kb("RssAnon:");
    CHECK(after < before + 8192);
    for (int i = 0; i < N; i++) CHECK(munmap(at[i], i % 100 ? KIB(4 + 4 * (i % 50)) : MIB(16)) == 0);
    return 0;
}
