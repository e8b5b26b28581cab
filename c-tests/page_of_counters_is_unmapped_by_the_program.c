// A program that unmaps every file that it doesn't know, has something else there, makes it inaccessible or keeps it from its children
// does so with our counters too: it goes on as without us, and so do its children.
// pages: may be missing
#include "test.h"
#include <sys/shm.h>

static int segment = -1;

// How many mappings of files of ours there were.
static int take_away_unknown(int how) {
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
        unsigned char there;
        switch (how) {
        case 0: CHECK(munmap(start, len) == 0 && mincore(start, 1, &there) != 0 && errno == ENOMEM); break;
        case 1: CHECK(mmap(start, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == start); break;
        case 2: CHECK(mprotect(start, len, PROT_NONE) == 0); break;
        case 3: CHECK(mprotect(start, len, PROT_READ) == 0); break;
        case 5: CHECK(shmat(segment, start, SHM_REMAP) == start); break;
        case 4: CHECK(madvise(start, len, MADV_DONTFORK) == 0); break;
        }
        found++;
    }
    CHECK(fclose(maps) == 0);
    return found;
}

static void work(void) {
    const char *all = segment >= 0 ? shmat(segment, NULL, SHM_RDONLY) : NULL;
    for (int i = 0; i < 5; i++) {
        char *p = memset(malloc(MIB(4)), 1, MIB(4));
        free(p);
        CHECK(munmap(memset(map(MIB(4)), 1, MIB(4)), MIB(4)) == 0);
    }
    for (int i = 0; all && i < 4096; i++) CHECK(all[i] == 0);
    if (all) CHECK(shmdt(all) == 0);
}

int main(void) {
    for (int how = 0; how < 6; how++) {
        pid_t pid = fork();
        if (pid == 0) {
            work();
            if (how == 5) CHECK((segment = shmget(IPC_PRIVATE, 4096, 0600)) >= 0);
            int found = take_away_unknown(how);
            if (under_shim() && how == 0) CHECK(found > 0);
            work();
            pid_t inner = fork();
            if (inner == 0) work(), _exit(0);
            ends_well(inner);
            work();
            if (segment >= 0) CHECK(shmctl(segment, IPC_RMID, NULL) == 0);
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
