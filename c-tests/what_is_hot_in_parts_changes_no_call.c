// Where lock=hot has locked parts of mappings, in a memory cgroup: what the program takes next does not get it killed, and
// what was one mapping is still one for mremap: made writable, in a forked child, and where only zeroes had been read.
// policy: file@1M:random+lock=hot,anon@1M:lock=hot
// some page: locked_bytes > 0
// pages: may be missing
// serial: a cgroup of its own, and reads from disk all the time
#include "test.h"
#include "crew.h"
#include "group.h"
#include "smaps.h"
#include "watched.h"

#define SIZE MIB(320) // of a file, in a group of half of that
#define HOT MIB(80)   // of it, of each MiB the first half is read nearly all the time

// Reads until so much of it is locked; `all`: now and then what isn't hot, too.
static void read_until_locked(const volatile unsigned char *file, size_t locked, int all) {
    unsigned long draw = 88172645463325252UL, sum = 0;
    for (int turn = 0; under_shim() && smaps_flagged((void *)file, SIZE, "lo") < locked; turn++) {
        CHECK(turn < 3000 && "it becomes hot");
        for (int i = 0; i < 20000; i++) {
            draw ^= draw << 13, draw ^= draw >> 7, draw ^= draw << 17;
            size_t at = i % 200 || !all ? draw % HOT / MIB(1) * MIB(1) + draw % KIB(512) : draw % SIZE;
            sum += file[at];
        }
        usleep(1000);
    }
    CHECK(sum != 1);
}

static void is_moved(const volatile void *at) {
    char *p = mremap((void *)at, SIZE, SIZE + MIB(1), MREMAP_MAYMOVE);
    CHECK(p != MAP_FAILED);
}

static void work(int how) {
    int fd = open("file", O_RDONLY | O_CLOEXEC);
    evict(fd); // what is read from here on counts against the group
    char *zeroes = map(MIB(16));
    for (size_t at = 0; at < MIB(16); at += PAGE) CHECK(((volatile char *)zeroes)[at] == 0);
    int flags = how == 1 ? MAP_PRIVATE : MAP_SHARED;
    unsigned char *file = mmap(NULL, SIZE, PROT_READ, flags, fd, 0);
    CHECK(file != MAP_FAILED);
    read_until_locked(file, how == 0 ? MIB(20) : MIB(4), how != 1);
    if (how == 0) {
        for (int i = 0; i < 125; i++) {
            char *more = malloc(MIB(1));
            CHECK(more);
            memset(more, i, MIB(1));
            usleep(2000);
        }
    } else if (how == 1) {
        CHECK(mprotect(file, SIZE, PROT_READ | PROT_WRITE) == 0);
        for (size_t at = 0; at < HOT; at += MIB(2)) file[at] = file[at + KIB(600)] = 1;
        is_moved(file);
    } else {
        pid_t pid = fork();
        if (pid == 0) {
            is_moved(file);
            _exit(0);
        }
        ends_well(pid);
        is_moved(file);
    }
    memset(zeroes, 1, MIB(16));
    CHECK(mremap(zeroes, MIB(16), MIB(32), MREMAP_MAYMOVE) != MAP_FAILED);
}

int main(void) {
    CHECK(close(file_of("file", SIZE, 1)) == 0);
    group_make("160M");
    int status = 0;
    for (int how = 0; how < 3; how++) status |= group_run(work, how);
    group_remove();
    CHECK(status == 0);
    return 0;
}
