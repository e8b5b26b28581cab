// Rules for files that are read leave alone whatever is no regular file opened for reading: pipes, FIFOs, devices, folders,
// files of /proc, files opened for writing, O_PATH, O_DIRECT, small and empty files; and they work as ever.
// policy: file:drop-behind+populate
// policy: file:auto
// policy: file:random
// page: files_opened = 0
#include "test.h"
#include <sys/stat.h>

int main(void) {
    char buffer[64];
    int fd = file_of("small", 5000, 1);
    close(fd);
    CHECK(mkfifo("fifo", 0600) == 0 || errno == EEXIST);
    mkdir("folder", 0700);
    const struct {
        const char *path;
        int flags;
    } all[] = {
        {"fifo", O_RDWR | O_NONBLOCK}, {"/dev/zero", O_RDONLY},       {"/dev/null", O_RDWR},
        {"folder", O_RDONLY},          {"folder", O_RDONLY | O_DIRECTORY}, {"/proc/self/maps", O_RDONLY},
        {"/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY},    {"small", O_RDONLY},
        {"small", O_WRONLY | O_APPEND}, {"small", O_RDONLY | O_PATH}, {"nowhere", O_RDONLY},
        {"new", O_RDWR | O_CREAT | O_TRUNC}, {"folder", O_RDWR}, {"large", O_WRONLY | O_CREAT | O_TRUNC},
        {"large", O_WRONLY | O_APPEND}, {"large", O_PATH},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        errno = 0;
        fd = open(all[i].path, all[i].flags, 0640);
        printf("%zu: %d errno %d\n", i, fd, errno);
        if (fd < 0) continue;
        errno = 0;
        long n = read(fd, buffer, 8);
        printf("  read %ld errno %d flags %x\n", n < 0 ? n : n > 0, errno, fcntl(fd, F_GETFL));
        if (all[i].flags & O_CREAT) {
            struct stat st;
            CHECK(fstat(fd, &st) == 0);
            printf("  mode %o\n", st.st_mode);
            if (strcmp(all[i].path, "large") == 0) CHECK(ftruncate(fd, MIB(8)) == 0);
        }
        CHECK(close(fd) == 0);
    }
    int ends[2];
    CHECK(pipe(ends) == 0 && write(ends[1], "x", 1) == 1 && read(ends[0], buffer, 8) == 1);
    return 0;
}
