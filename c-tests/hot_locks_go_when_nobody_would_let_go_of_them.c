// What lock=hot has locked is unlocked when it is watched no longer though it stays mapped: beside what mremap takes away, after a
// userfaultfd was made, and when the process becomes another user's. What the program locks by number is its own.
// policy: file@4M:lock=hot
// env: FAULTLESS_LOCK_MAX=12M
// some page: locked_bytes > 0
// pages: may be missing
// serial: reads from disk all the time
#include "test.h"
#include "crew.h"
#include "disk_reads.h"
#include "smaps.h"
#include <sys/syscall.h>

#define SIZE MIB(64)
#define STRIDE MIB(8) // in each, the first MiB is hot

static volatile unsigned char *file;
static volatile int stop;

static void *read_it(void *arg) {
    unsigned long draw = 88172645463325252UL, sum = 0;
    for (unsigned long i = 0; !stop; i++) {
        draw ^= draw << 13, draw ^= draw >> 7, draw ^= draw << 17;
        size_t at = draw % SIZE;
        if (i % 16) at = at / STRIDE * STRIDE + at % MIB(1);
        sum += file[at];
        if (i % 64 == 0) usleep(100);
    }
    CHECK(sum != 1);
    return arg;
}

static void work(int how) {
    pthread_t reader, disk = disk_reads_begin();
    int fd = open("file", O_RDONLY | O_CLOEXEC);
    file = (unsigned char *)mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(file != MAP_FAILED && pthread_create(&reader, NULL, read_it, NULL) == 0);
    if (under_shim()) EVENTUALLY(smaps_flagged((void *)file, SIZE, "lo") >= MIB(6));
    stop = disk_reads_end = 1;
    CHECK(pthread_join(reader, NULL) == 0 && pthread_join(disk, NULL) == 0);
    char *at = (char *)file;
    if (how == 0) {
        char *place = map(STRIDE);
        CHECK(mremap(at, STRIDE, STRIDE, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
        CHECK(smaps_flagged(at + STRIDE, SIZE - STRIDE, "lo") == 0);
    } else if (how == 1) {
        int user = syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */);
        if (user >= 0) CHECK(smaps_flagged(at, SIZE, "lo") == 0);
    } else if (how == 2) {
        CHECK(syscall(SYS_mlock2, at, STRIDE, 0) == 0);
        CHECK(mlockall(MCL_FUTURE) == 0); // ours goes
        CHECK(smaps_flagged(at, SIZE, "lo") == STRIDE);
    } else {
        CHECK(setuid(65534) == 0);
        // Not asked more often: while the program looks at itself all the time, our thread is away.
        for (int i = 0; i < 20 && locked_kb() != 0; i++) usleep(500000);
        CHECK(locked_kb() == 0);
    }
}

int main(void) {
    CHECK(close(file_of("file", SIZE, 1)) == 0);
    int ways = geteuid() == 0 ? 4 : 2;
    for (int how = 0; how < ways; how++) {
        pid_t pid = fork();
        if (pid == 0) {
            work(how);
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
