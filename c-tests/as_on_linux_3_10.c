// On a kernel that lacks MADV_POPULATE, MADV_COLLAPSE, mlock2, MAP_FIXED_NOREPLACE, MADV_WIPEONFORK, memfd_create and
// PAGEMAP_SCAN, everything runs as without the shim, and what can be had in another way is had: memory is populated by
// touching it, and locked.
// policy: malloc@64K:huge=collapse+populate,anon@64K:huge+populate+lock,file@4K:populate+random,shm:populate
// policy: anon@64K:lock=onfault,file@4K:lock
// policy: throughput
// some page: exe = as_on_linux_3_10, end = exit, regions_ruled >= 2, mmap_calls >= 20
#include "test.h"
#include "smaps.h"
#include "old_kernel.h"

int main(int argc, char **argv) {
    (void)argc;
    on_linux_3_10(argv);
    char *probe = map(PAGE);
    CHECK(madvise(probe, PAGE, MADV_POPULATE_WRITE) == -1 && errno == EINVAL);
    CHECK(syscall(SYS_mlock2, probe, PAGE, 1) == -1 && errno == ENOSYS);
    int fd = file_of("file", MIB(4), 1);
    for (int i = 0; i < 10; i++) {
        char *p = map(MIB(4)), *q = malloc(MIB(4) + i), *f = mmap(NULL, MIB(4), PROT_READ, MAP_SHARED, fd, 0);
        CHECK(q && f != MAP_FAILED && is_zero(p, MIB(4)) && holds(f, MIB(4), 1));
        if (policy_has("populate+lock")) CHECK(smaps_kb(p, MIB(4), "Locked") >= 4096);
        fill(p, MIB(4), 2), fill(q, MIB(4), 3);
        q = realloc(q, MIB(9));
        CHECK(q && holds(q, MIB(4), 3));
        p = mremap(p, MIB(4), MIB(8), MREMAP_MAYMOVE);
        CHECK(p != MAP_FAILED && holds(p, MIB(4), 2) && is_zero(p + MIB(4), MIB(4)));
        char *z = calloc(3, MIB(1));
        CHECK(z && is_zero(z, MIB(3)));
        free(z), free(q);
        CHECK(munmap(p, MIB(8)) == 0 && munmap(f, MIB(4)) == 0);
    }
    if (policy_has("populate")) {
        char *p = map(MIB(2));
        unsigned char seen[512];
        CHECK(mincore(p, MIB(2), seen) == 0);
        for (int i = 0; i < 512; i++) CHECK(seen[i] & 1);
    }
    return 0;
}
