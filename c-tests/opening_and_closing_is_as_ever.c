// Every way to open and close gives the same descriptor numbers, flags, modes, results and errno as without the shim, and
// successful calls leave errno.
// policy: observe
// policy: file:drop-behind+populate
// policy: file:auto
// policy: file:random
#include "test.h"
#include <sys/stat.h>
#include <sys/syscall.h>

int __open_2(const char *, int);
int __open64_2(const char *, int);
int __openat_2(int, const char *, int);
int __openat64_2(int, const char *, int);

static int row;
static void say(long result) {
    printf("%d: %ld errno %d\n", row++, result, errno);
    errno = 77;
}
static void opened(int fd) {
    say(fd);
    if (fd < 0) return;
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    printf("  flags %x cloexec %d mode %o size %ld at %ld\n", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD), st.st_mode,
           (long)st.st_size, (long)lseek(fd, 0, SEEK_CUR));
    errno = 77;
    if (row % 2) say(close(fd)); // the others stay open
}

int main(void) {
    umask(022);
    close(file_of("file", MIB(6), 1));
    errno = 77;
    opened(open("file", O_RDONLY));
    opened(open("file", O_RDONLY | O_CLOEXEC));
    opened(open64("file", O_RDWR));
    opened(openat(AT_FDCWD, "file", O_RDONLY | O_APPEND));
    opened(openat64(AT_FDCWD, "file", O_RDONLY | O_NOFOLLOW));
    opened(__open_2("file", O_RDONLY));
    opened(__open64_2("file", O_RDONLY));
    opened(__openat_2(AT_FDCWD, "file", O_RDONLY));
    opened(__openat64_2(AT_FDCWD, "file", O_RDONLY));
    opened(open("created", O_RDWR | O_CREAT | O_EXCL, 0666));
    opened(open("created", O_RDWR | O_CREAT | O_EXCL, 0666));
    unlink("created");
    opened(openat(AT_FDCWD, "created", O_RDWR | O_CREAT, 04751));
    unlink("created");
    opened(open(".", O_TMPFILE | O_RDWR, 0642));
    opened(creat("created", 0604));
    unlink("created");
    opened(open("nowhere", O_RDONLY));
    opened(open("", O_RDONLY));
    opened(open(NULL, O_RDONLY));
    opened(openat(-5, "file", O_RDONLY));
    opened(syscall(SYS_open, "file", O_RDONLY, 0));
    opened(syscall(SYS_openat, AT_FDCWD, "file", O_RDONLY, 0));
    uint64_t how[3] = {O_RDONLY, 0, 0};
    opened(syscall(SYS_openat2, AT_FDCWD, "file", how, sizeof how));
    FILE *stream = fopen("file", "re");
    CHECK(stream && errno == 77);
    opened(dup(fileno(stream)));
    say(fclose(stream));
    stream = fopen64("file", "r+");
    CHECK(stream);
    say(fileno(stream));
    say(fclose(stream));
    say(fopen("nowhere", "r") == NULL);
    say(fopen("file", "?") == NULL);
    say(posix_fadvise(20, 0, 0, POSIX_FADV_SEQUENTIAL));
    say(posix_fadvise(3, 0, 0, POSIX_FADV_SEQUENTIAL));
    say(posix_fadvise(3, 0, 0, 99));
    say(close(-1));
    say(close(1000));
    say(syscall(SYS_close, 3));
    say(syscall(SYS_close, 3));
    return 0;
}
