// After mlockall(MCL_FUTURE) RLIMIT_MEMLOCK is the program's alone: small blocks, a thread's stack and the heap get what is left of it.
// policy: latency
// policy: anon@1M:lock
// serial: locks all that is mapped
#include "test.h"
#include <pthread.h>
#include <sys/resource.h>

static void *nothing(void *p) { return p; }

int main(void) {
    for (int how = 0; how < 3; how++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct rlimit limit = {MIB(8), MIB(8)};
            if (setresuid(1000, 1000, 1000) != 0 || setrlimit(RLIMIT_MEMLOCK, &limit) != 0) _exit(0);
            memset(map(MIB(6)), 1, MIB(6));
            if (mlockall(MCL_FUTURE) != 0) _exit(0);
            pthread_attr_t attributes;
            pthread_t thread;
            switch (how) {
            case 0:
                for (int i = 0; i < 1000; i++) CHECK(malloc(4000) != NULL);
                break;
            case 1:
                CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, MIB(3)) == 0);
                CHECK(pthread_create(&thread, &attributes, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0);
                break;
            case 2: CHECK(sbrk((intptr_t)MIB(3)) != (void *)-1); break;
            }
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
