// Threads that populate large mappings at one time all get them whole, and fork meanwhile.
// policy: anon@128M:populate
// page: rule1.applied >= 1, rule1.failed = 0
// serial: takes 512 MiB
#include "test.h"
#include "smaps.h"
#include "crew.h"

static void *populate(void *arg) {
    for (int i = 0; i < 4; i++) {
        char *p = map(MIB(128));
        p[0] = p[MIB(128) - 1] = 1;
        CHECK(is_zero(p + 1, MIB(128) - 2) && munmap(p, MIB(128)) == 0);
    }
    return arg;
}

int main(void) {
    if (available_kb() < 3 << 20) SKIP("less than 3 GiB of memory");
    pthread_t other[3];
    for (int i = 0; i < 3; i++) CHECK(pthread_create(&other[i], NULL, populate, NULL) == 0);
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            populate(NULL);
            CHECK(threads() == 1);
            exit(0);
        }
        ends_well(pid);
    }
    for (int i = 0; i < 3; i++) CHECK(pthread_join(other[i], NULL) == 0);
    return 0;
}
