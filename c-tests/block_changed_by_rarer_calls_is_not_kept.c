// A block that was changed by pkey_mprotect, shmat, or a call made by its number is not given to the next one: every block of
// the same size is whole, writable and unlocked.
// policy: malloc@1M:recycle
// policy: throughput
// cflags: -ldl
#include "test.h"
#include <dlfcn.h>
#include <sys/shm.h>
#include <sys/syscall.h>

static size_t locked(void) {
    FILE *f = fopen("/proc/self/status", "re");
    char line[128];
    size_t kb = 0;
    CHECK(f);
    while (fgets(line, sizeof line, f)) (void)sscanf(line, "VmLck: %zu", &kb);
    fclose(f);
    return KIB(kb);
}

static void change(char *p, int how) {
    char *page = (char *)(((size_t)p + MIB(2)) & ~(PAGE - 1));
    unsigned long first_node = 1;
    int id;
    switch (how) {
    case 0: {
        // glibc before 2.27 and musl lack it
        int (*protect)(void *, size_t, int, int) = (int (*)(void *, size_t, int, int))dlsym(RTLD_DEFAULT, "pkey_mprotect");
        if (protect) CHECK(protect(page, PAGE, PROT_READ, -1) == 0);
        break;
    }
    case 1: (void)syscall(SYS_pkey_mprotect, page, PAGE, PROT_READ, -1); break;
    case 2: CHECK(syscall(SYS_mlock, page, PAGE) == 0); break;
    case 3: (void)syscall(SYS_mlock2, page, PAGE, 1); break;
    case 4: (void)syscall(SYS_mbind, page, MIB(4), 2, &first_node, 64, 0); break;
    case 5:
    case 6:
        id = shmget(IPC_PRIVATE, MIB(2), 0600);
        if (id < 0) break;
        if (how == 5) (void)shmat(id, page, SHM_REMAP);
        else (void)syscall(SYS_shmat, id, page, SHM_REMAP);
        CHECK(shmctl(id, IPC_RMID, NULL) == 0);
        break;
    }
}

int main(void) {
    for (int how = 0; how < 7; how++) {
        char *p = malloc(MIB(40));
        CHECK(p);
        fill(p, MIB(40), (unsigned)how);
        change(p, how);
        free(p);
        char *q = malloc(MIB(40));
        CHECK(q && locked() == 0);
        fill(q, MIB(40), 9);
        // what a child writes is its own: not so where the segment is still there
        pid_t pid = fork();
        if (pid == 0) {
            memset(q, 1, MIB(40));
            _exit(0);
        }
        ends_well(pid);
        CHECK(holds(q, MIB(40), 9));
        free(q);
    }
    return 0;
}
