// A program that limits its address space, or its data, once it has begun, gets all of it: what was kept of freed memory is gone when
// the call returns, also for what no hook of ours sees, such as a thread's stack. By name and by number.
#include "test.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static void *nothing(void *p) { return p; }

static void use_and_free(int blocks) {
    static char *small[40000];
    if (blocks) {
        for (int i = 0; i < 4; i++) small[i] = memset(malloc(MIB(25)), 1, MIB(25));
        for (int i = 0; i < 4; i++) free(small[i]);
        return;
    }
    for (int i = 0; i < 40000; i++) {
        CHECK((small[i] = malloc(4000)));
        memset(small[i], 1, 4000);
    }
    for (int i = 40000; i-- > 0;) free(small[i]);
}

static void limit(int how) {
    struct rlimit some = {MIB(180), MIB(180)};
    int resource = how & 1 ? RLIMIT_AS : RLIMIT_DATA, result = -1;
    switch (how >> 1) {
    case 0: result = setrlimit((__rlimit_resource_t)resource, &some); break;
    case 1: result = prlimit(0, (__rlimit_resource_t)resource, &some, &some); break;
    case 2: result = prlimit(getpid(), (__rlimit_resource_t)resource, &some, NULL); break;
    case 3: result = (int)syscall(SYS_prlimit64, 0, resource, &some, NULL); break;
    }
    CHECK(result == 0);
}

int main(void) {
    for (int how = 0; how < 16; how++) {
        pid_t pid = fork();
        if (pid == 0) {
            use_and_free(how & 8);
            limit(how & 7);
            pthread_attr_t attributes;
            pthread_t thread;
            CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, MIB(140)) == 0);
            CHECK(pthread_create(&thread, &attributes, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0);
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
