// A rule locks a System V segment whole or not at all, and whoever asks, also by a call on a part of it, finds one attachment,
// which mremap moves whole: the kernel never puts together what is parted of a segment.
// policy: shm:lock
// policy: shm:lock=onfault+dontdump
// policy: shm:lock,any:random
// limit: memlock=6M
// page [shm:lock]: rule1.failed = 0, rule1.partly = 0, rule1.skipped >= 1
#include "test.h"
#include "smaps.h"
#include "segment.h"

static int attachments(int id) {
    struct shmid_ds about;
    CHECK(shmctl(id, IPC_STAT, &about) == 0);
    return (int)about.shm_nattch;
}

int main(void) {
    size_t n = MIB(4), part = MIB(1);
    int whole = under_shim();
    int id, other;
    char *p = segment(n, &id);
    CHECK(attachments(id) == 1 && smaps_flagged(p, n, "lo") == (whole ? n : 0));
    if (whole && !policy_has("onfault")) CHECK(resident(p, n) == n);
    char *q = segment(n, &other); // which the limit has no room for
    CHECK(attachments(other) == 1 && smaps_flagged(q, n, "lo") == 0);
    CHECK(shmdt(q) == 0);

    fill(p, n, 3);
    CHECK(munlock(p + part, part) == 0 && attachments(id) == 1);
    CHECK(locked_kb() == 0);
    CHECK(shmdt(p) == 0);

    p = segment(n, &id);
    CHECK(posix_madvise(p + part, part, POSIX_MADV_NORMAL) == 0 && madvise(p + part, part, MADV_DODUMP) == 0);
    CHECK(attachments(id) == 1 && smaps_flagged(p, n, "lo") == (whole ? n : 0));
    fill(p, n, 3);
    CHECK(madvise(p + part, part, MADV_REMOVE) == 0 && is_zero(p + part, part) && attachments(id) == 1);
    CHECK(shmdt(p) == 0);

    p = segment(n, &id);
    fill(p, n, 3);
    p = mremap(p, n, n + PAGE, MREMAP_MAYMOVE);
    CHECK(p != MAP_FAILED && attachments(id) == 1 && holds(p, n, 3));
    CHECK(shmdt(p) == 0 && locked_kb() == 0);
    return 0;
}
