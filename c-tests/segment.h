// System V segments for the c-tests. Include it after test.h and smaps.h.
#ifndef SEGMENT_H
#define SEGMENT_H
#include <sys/ipc.h>
#include <sys/shm.h>

// A segment of n bytes, attached, and gone with its last attachment.
__attribute__((unused)) static char *segment(size_t n, int *id) {
    *id = shmget(IPC_PRIVATE, n, IPC_CREAT | 0600);
    CHECK(*id >= 0);
    char *p = shmat(*id, NULL, 0);
    CHECK(p != (char *)-1 && shmctl(*id, IPC_RMID, NULL) == 0);
    return p;
}

#endif
