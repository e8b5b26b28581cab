// With FAULTLESS_HEAT the pieces that an earlier life found hot are in memory and locked when mmap returns; of a file that has
// changed since, nothing is locked; what a heat map says beyond a file's end, or of another file, does no harm.
// policy: file@4M:lock=hot
// env: FAULTLESS_LOCK_MAX=64M
// page: rule1.failed = 0, lock_now = 0
#include "test.h"
#include "smaps.h"
#include <sys/stat.h>

#define SIZE MIB(16)
#define PIECE KIB(64)

// Every fourth piece is hot.
static void region(FILE *heat, const char *path, size_t bytes, long shift) {
    struct stat st;
    CHECK(stat(path, &st) == 0);
    long long mtime = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec + shift;
    char *real = realpath(path, NULL);
    CHECK(real != NULL);
    fprintf(heat, "region 7f0000000000 %zu %zu 0 %lld %lld %s\n", bytes, PIECE, (long long)st.st_size, mtime, real);
    for (size_t at = 0; at < bytes; at += PIECE) fputs(at / PIECE % 4 ? "00-" : "f1-", heat);
    fputc('\n', heat);
    free(real);
}

static void first_life(char **args) {
    CHECK(close(file_of("same", SIZE, 1)) == 0 && close(file_of("changed", SIZE, 2)) == 0);
    FILE *heat = fopen("heat", "w");
    CHECK(heat != NULL);
    fputs("faultless heat 1\n", heat);
    region(heat, "same", 2 * SIZE, 0);
    region(heat, "changed", SIZE, 1);
    CHECK(fclose(heat) == 0);
    char *path = realpath("heat", NULL);
    CHECK(path != NULL && setenv("FAULTLESS_HEAT", path, 1) == 0);
    execv("/proc/self/exe", args);
    CHECK(!"execv");
}

static char *map_it(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    // pieces begin at multiples of their size
    char *room = mmap(NULL, SIZE + PIECE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(fd >= 0 && room != MAP_FAILED);
    char *at = (char *)(((uintptr_t)room + PIECE - 1) & ~(PIECE - 1));
    CHECK(mmap(at, SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == at && close(fd) == 0);
    return at;
}

int main(int count, char **args) {
    (void)count;
    if (!getenv("FAULTLESS_HEAT")) first_life(args);
    char *same = map_it("same"), *changed = map_it("changed");
    if (policy_has("lock=hot")) {
        CHECK(smaps_flagged(same, SIZE, "lo") == SIZE / 4);
        for (size_t at = 0; at < SIZE; at += 4 * PIECE) CHECK(smaps_flagged(same + at, PIECE, "lo") == PIECE);
        CHECK(smaps_flagged(changed, SIZE, "lo") == 0);
    }
    CHECK(holds(same, SIZE, 1) && holds(changed, SIZE, 2));
    CHECK(munmap(same, SIZE) == 0 && munmap(changed, SIZE) == 0);
    return 0;
}
