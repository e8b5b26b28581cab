// A thread of the program calls exec while the watching thread is at work: the next program runs, alone.
// policy: file@1M:drop-behind
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"

static char *self;

static void *run(void *arg) {
    execl("/proc/self/exe", self, "again", (char *)NULL);
    _exit(1);
    return arg;
}

int main(int argc, char **argv) {
    self = argv[0];
    if (argc > 1) {
        CHECK(threads() == 1);
        puts("ran");
        return 0;
    }
    char *p = watched("file", MIB(64), 1);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, NULL) == 0);
    for (;;) CHECK(holds(p, MIB(64), 1));
}
