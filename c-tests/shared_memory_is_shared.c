// Shared anonymous memory, memfd, and System V segments are the same memory in parent and child, sealed ones too.
#include "test.h"
#include <sys/shm.h>

int main(void) {
    int memfd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(memfd >= 0 && ftruncate(memfd, MIB(4)) == 0);
    int id = shmget(IPC_PRIVATE, MIB(4), IPC_CREAT | 0600);
    char *memory[3] = {
        mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
        mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0),
        id >= 0 ? shmat(id, NULL, 0) : MAP_FAILED,
    };
    if (id >= 0) shmctl(id, IPC_RMID, NULL);
    pid_t pid = fork();
    for (int i = 0; i < 3; i++)
        if (pid == 0 && memory[i] != MAP_FAILED) fill(memory[i], MIB(4), i);
    if (pid == 0) exit(0);
    ends_well(pid);
    for (int i = 0; i < 3; i++) CHECK(memory[i] == MAP_FAILED ? i == 2 : holds(memory[i], MIB(4), i));
    CHECK(munmap(memory[1], MIB(4)) == 0);
    CHECK(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) == 0);
    errno = 0;
    CHECK(mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0) == MAP_FAILED && errno == EPERM);
    char *p = mmap(NULL, MIB(4), PROT_READ, MAP_SHARED, memfd, 0);
    CHECK(p != MAP_FAILED && holds(p, MIB(4), 1));
    return 0;
}
