// A program's file that another thread truncates and writes again, over and over, may be run or not, but the process
// that tries is not killed by SIGBUS for a look of ours at the file. The arguments cannot be read, so that no try gets
// as far as to run it.
#include "test.h"
#include <spawn.h>
#include <sys/stat.h>

#define TRIES 1500

extern char **environ;
static int done;
static size_t size;
static char bytes[MIB(2)];

static void *rewrite(void *arg) {
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        int fd = open("program", O_RDWR | O_CLOEXEC);
        if (fd < 0) continue; // it is being run
        CHECK(ftruncate(fd, 100) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
        close(fd);
    }
    return arg;
}

int main(void) {
    pthread_t thread;
    pid_t pid;
    char *argv[] = {"program", (char *)8, NULL};
    int from = open("/bin/true", O_RDONLY | O_CLOEXEC);
    int to = open("program", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    CHECK(from >= 0 && to >= 0);
    size = read(from, bytes, sizeof bytes);
    CHECK(size > 4096 && size < sizeof bytes && write(to, bytes, size) == (ssize_t)size);
    close(from), close(to);
    CHECK(pthread_create(&thread, NULL, rewrite, NULL) == 0);
    for (int i = 0; i < TRIES; i++) CHECK(posix_spawn(&pid, "program", NULL, NULL, argv, environ) != 0);
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}
