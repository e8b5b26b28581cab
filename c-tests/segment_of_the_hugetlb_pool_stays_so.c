// A segment that the program itself takes from the hugetlb pool (SHM_HUGETLB, as libhugetlbfs makes any segment be) has the
// huge pages that a rule wants, and is populated; it is not moved.
// policy: shm:huge=collapse+populate
// page: rule1.applied = 1, rule1.failed = 0
#include "test.h"
#include "smaps.h"
#include "segment.h"

int main(void) {
    int id = shmget(IPC_PRIVATE, MIB(4), IPC_CREAT | SHM_HUGETLB | 0600);
    if (id < 0) SKIP("no hugetlb pool here: sysctl vm.nr_hugepages=4");
    char *p = shmat(id, NULL, 0);
    CHECK(p != (char *)-1 && shmctl(id, IPC_RMID, NULL) == 0);
    if (under_shim()) CHECK(smaps_kb(p, MIB(4), "Shared_Hugetlb") + smaps_kb(p, MIB(4), "Private_Hugetlb") == 4096);
    fill(p, MIB(4), 2);
    CHECK(holds(p, MIB(4), 2) && shmdt(p) == 0);
    return 0;
}
