// A signal handler looks how many threads there are, while the program does or not, and now and then jumps out of a look:
// each finds one thread, and in the end the file is watched again and closed at once.
// policy: file@1M:drop-behind
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"
#include <setjmp.h>
#include <sys/stat.h>
#include <sys/time.h>

static sigjmp_buf start;
static volatile int turns, jumps;

static int links_of_task(void) {
    struct stat st;
    CHECK(stat("/proc/self/task", &st) == 0);
    return (int)st.st_nlink;
}

static void on_alarm(int signal) {
    (void)signal;
    CHECK(links_of_task() == 3);
    if (++turns % 5 == 0 && jumps) siglongjmp(start, 1);
}

static void alarms(long us) {
    struct itimerval each = {{0, us}, {0, us}};
    CHECK(setitimer(ITIMER_REAL, &each, NULL) == 0);
}

int main(void) {
    char *p = watched("file", MIB(8), 1);
    CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
    alarms(3000);
    jumps = 1;
    sigsetjmp(start, 1);
    while (turns < 200) CHECK(links_of_task() == 3);
    jumps = 0;
    while (turns < 300) {
        char text[512] = "";
        int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC), n;
        CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && close(fd) == 0);
        CHECK(sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d", &n) == 1 && n == 1);
    }
    alarms(0);
    if (under_shim()) {
        usleep(600000);
        CHECK(munmap(map(PAGE), PAGE) == 0);
        EVENTUALLY(watchers() == 1);
    }
    CHECK(holds(p, MIB(8), 1));
    return 0;
}
