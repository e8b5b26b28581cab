// A program that unmaps every file that it doesn't know, or has something else there, unmaps our counters too: it goes on as without us, and so
// do its children.
// pages: may be missing
#include "test.h"

// How many mappings of files of ours there were; each is unmapped, or replaced.
static int unmap_unknown(int replace) {
    char line[512], path[300];
    const char *pages = getenv("FAULTLESS_PAGES");
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps);
    while (fgets(line, sizeof line, maps)) {
        void *start, *end;
        path[0] = 0;
        if (sscanf(line, "%p-%p %*s %*s %*s %*s %299s", &start, &end, path) < 2 || !pages || !strstr(path, pages)) continue;
        size_t len = (size_t)((char *)end - (char *)start);
        if (replace) {
            CHECK(mmap(start, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == start);
        } else {
            CHECK(munmap(start, len) == 0);
            unsigned char there;
            CHECK(mincore(start, 1, &there) != 0 && errno == ENOMEM);
        }
        found++;
    }
    CHECK(fclose(maps) == 0);
    return found;
}

static void work(void) {
    for (int i = 0; i < 5; i++) {
        char *p = memset(malloc(MIB(4)), 1, MIB(4));
        free(p);
        CHECK(munmap(memset(map(MIB(4)), 1, MIB(4)), MIB(4)) == 0);
    }
}

int main(void) {
    for (int how = 0; how < 4; how++) {
        pid_t pid = fork();
        if (pid == 0) {
            work();
            int found = unmap_unknown(how & 1);
            if (under_shim() && how == 0) CHECK(found > 0);
            work();
            if (how & 2) {
                pid_t inner = fork();
                if (inner == 0) work(), _exit(0);
                ends_well(inner);
            }
            work();
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
