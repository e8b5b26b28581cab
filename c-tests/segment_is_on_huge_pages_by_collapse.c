// A rule shm:huge=collapse+populate puts a System V segment on huge pages whatever shmem_enabled says: it is attached on a
// boundary of 2 MiB, filled, and put together. Content and length are as ever, and a second attachment sees the same.
// policy: shm:huge=collapse+populate
// page: rule1.regions = 2, rule1.applied >= 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"
#include "segment.h"

int main(void) {
    int id = shmget(IPC_PRIVATE, MIB(8), IPC_CREAT | 0600);
    CHECK(id >= 0);
    char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);
    CHECK(p != (char *)-1 && q != (char *)-1 && p != q);
    struct shmid_ds about;
    CHECK(shmctl(id, IPC_STAT, &about) == 0 && about.shm_nattch == 2 && about.shm_segsz == MIB(8));
    if (under_shim() && thp_possible()) CHECK(smaps_kb(p, MIB(8), "ShmemPmdMapped") == 8192);
    fill(p, MIB(8), 5);
    CHECK(holds(q, MIB(8), 5));
    CHECK(shmctl(id, IPC_RMID, NULL) == 0 && shmdt(p) == 0 && holds(q, MIB(8), 5) && shmdt(q) == 0);
    return 0;
}
