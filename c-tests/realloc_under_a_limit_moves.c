// Where a limit leaves no room for a block beside its larger self (RLIMIT_AS set by the program, or RLIMIT_MEMLOCK after
// mlockall(MCL_FUTURE)), realloc still moves it, as mremap does, with all that is in it.
#include "test.h"
#include "statm.h"
#include <sys/resource.h>

int main(void) {
    for (int how = 0; how < 2; how++) {
        pid_t pid = fork();
        if (pid == 0) {
            size_t n = how ? MIB(3) : MIB(60), more = how ? MIB(5) : MIB(75);
            unsigned char *p = malloc(n), *beside = malloc(MIB(2)), *again;
            CHECK(p && beside);
            memset(p, 5, n);
            if (how == 0) {
                struct rlimit limit = {mapped_now() + MIB(30), RLIM_INFINITY};
                CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
            } else {
                struct rlimit limit = {MIB(7), MIB(7)};
                if (setresuid(1000, 1000, 1000) != 0) _exit(0);
                CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0 && mlock(p, n) == 0 && mlockall(MCL_FUTURE) == 0);
            }
            CHECK((again = realloc(p, more)));
            for (size_t i = 0; i < n; i += 4096) CHECK(again[i] == 5);
            memset(again, 6, more);
            free(again);
            free(beside);
            _exit(0);
        }
        ends_well(pid);
    }
    return 0;
}
