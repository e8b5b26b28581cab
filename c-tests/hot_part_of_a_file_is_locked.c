// A rule file:lock=hot finds the pieces that are read again and again, and locks these: not what is read now and then.
// policy: file@4M:lock=hot
// env: FAULTLESS_LOCK_MAX=12M
// page: rule1.failed = 0, lock_now = 0
// serial: reads from disk all the time
#include "test.h"
#include "crew.h"
#include "disk_reads.h"
#include "smaps.h"

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

// Beside a busy machine the first choice may be a poor one: it is the one that it comes to that counts.
static int hot_is_locked(void) {
    size_t hot = 0, all = smaps_flagged((void *)file, SIZE, "lo");
    for (size_t at = 0; at < SIZE; at += STRIDE) hot += smaps_flagged((char *)file + at, MIB(1), "lo");
    return hot >= MIB(6) && all <= hot + MIB(2);
}

int main(void) {
    pthread_t reader, disk = disk_reads_begin();
    int fd = file_of("file", SIZE, 1);
    file = (unsigned char *)mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(file != MAP_FAILED && pthread_create(&reader, NULL, read_it, NULL) == 0);
    if (under_shim()) EVENTUALLY(hot_is_locked());
    stop = disk_reads_end = 1;
    CHECK(pthread_join(reader, NULL) == 0 && pthread_join(disk, NULL) == 0);
    CHECK(holds((void *)file, SIZE, 1) && munmap((void *)file, SIZE) == 0);
    return 0;
}
