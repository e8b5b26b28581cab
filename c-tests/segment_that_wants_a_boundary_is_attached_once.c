// A segment that a rule wants on a boundary of 2 MiB is attached there at once: nobody sees it attached twice, nor detached.
// policy: shm:huge=collapse+populate
#include "test.h"
#include "segment.h"

int main(void) {
    for (int i = 0; i < 8; i++) {
        map(PAGE); // so that no place is on a boundary by chance
        int id = shmget(IPC_PRIVATE, MIB(4) + PAGE, IPC_CREAT | 0600);
        CHECK(id >= 0);
        char *p = shmat(id, NULL, 0);
        struct shmid_ds about;
        CHECK(p != (char *)-1 && shmctl(id, IPC_STAT, &about) == 0 && shmctl(id, IPC_RMID, NULL) == 0);
        if (under_shim()) CHECK((uintptr_t)p % MIB(2) == 0);
        CHECK(about.shm_nattch == 1 && about.shm_dtime == 0);
    }
    int id = shmget(IPC_PRIVATE, MIB(4), IPC_CREAT | 0600);
    CHECK(id >= 0 && shmctl(id, IPC_RMID, NULL) == 0);
    errno = 0;
    CHECK(shmat(id, NULL, SHM_RDONLY) == (void *)-1 && errno == EINVAL); // gone
    return 0;
}
