// A program that ends, in each of the ways there are, while what it reads is dropped behind it, ends as ever.
// policy: file@1M:drop-behind
// policy: file@1M:drop-behind,file@1M:lock=hot
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include "watched.h"

static void on_alarm(int signal) {
    (void)signal;
    _exit(0);
}

static void *scan(void *p) {
    for (;;) CHECK(holds(p, MIB(64), 1));
    return NULL;
}

int main(void) {
    CHECK(close(file_of("file", MIB(64), 1)) == 0);
    for (int how = 0; how < 6; how++) {
        pid_t pid = fork();
        if (pid == 0) {
            int fd = open("file", O_RDONLY | O_CLOEXEC);
            evict(fd);
            char *p = mmap(NULL, MIB(64), PROT_READ, MAP_SHARED, fd, 0);
            CHECK(p != MAP_FAILED);
            pthread_t thread;
            if (how == 0) {
                signal(SIGALRM, on_alarm);
                ualarm(30000, 0);
                scan(p);
            }
            CHECK(pthread_create(&thread, NULL, scan, p) == 0);
            usleep(30000);
            switch (how) {
            case 1: _exit(0);
            case 2: exit(0);
            case 3: quick_exit(0);
            case 4: kill(getpid(), SIGKILL); break;
            case 5: abort();
            }
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid);
        printf("%d: %x\n", how, status & ~0x80);
    }
    return 0;
}
