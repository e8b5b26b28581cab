// A segment that the program attaches at an address of its own is there, also over a mapping that rules have locked
// (SHM_REMAP), and read-only if it says so; what is wrong is refused as ever.
// policy: any:huge=collapse+populate+lock
// policy: shm:huge+populate
#include "test.h"
#include "smaps.h"
#include "segment.h"

int main(void) {
    size_t n = MIB(4);
    int id = shmget(IPC_PRIVATE, n, IPC_CREAT | 0600);
    char *place = map(n + PAGE);
    CHECK(id >= 0);
    fill(place, n, 1);
    errno = 0;
    CHECK(shmat(id, place, 0) == (void *)-1 && errno == EINVAL);
    CHECK(shmat(id, place + 1, SHM_REMAP) == (void *)-1 && errno == EINVAL);
    CHECK(shmat(id, place, SHM_REMAP) == place && is_zero(place, n));
    CHECK(shmat(id, place + PAGE + 5, SHM_REMAP | SHM_RND) == place + PAGE && is_zero(place, n));
    place[PAGE] = 8;
    char *seen = shmat(id, NULL, SHM_RDONLY);
    CHECK(seen != (char *)-1 && seen[0] == 8);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    CHECK(read(fd, seen, 1) == -1 && errno == EFAULT); // not writable
    CHECK(shmdt(seen) == 0 && shmdt(place + PAGE) == 0);
    CHECK(shmdt(place + 3) == -1 && errno == EINVAL);
    CHECK(shmat(-1, NULL, 0) == (void *)-1 && errno == EINVAL);
    return 0;
}
