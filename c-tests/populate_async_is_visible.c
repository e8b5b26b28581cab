// A rule populate=async makes memory resident that the program does not touch, by a thread named faultless that ends
// when it has nothing to do and comes back when it has.
// policy: anon@1M:populate=async
// policy: anon@1M:huge+populate=async
// page: rule1.regions = 3, rule1.applied = 3, rule1.skipped = 0, populated_bytes >= 201326592, own_threads >= 2
#include "test.h"
#include "smaps.h"
#include "crew.h"

// A thread that has populated something has its name.
static void names_are_ours(void) {
    DIR *d = opendir("/proc/self/task");
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d));) {
        char path[300], name[32] = "faultless\n";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        int fd = e->d_name[0] == '.' || atoi(e->d_name) == getpid() ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) CHECK((read(fd, name, sizeof name - 1), strcmp(name, "faultless\n") == 0));
        close(fd);
    }
    closedir(d);
}

int main(void) {
    size_t n = MIB(64) + PAGE;
    for (int i = 0; i < 3; i++) {
        char *p = map(n);
        if (under_shim()) {
            EVENTUALLY(resident(p, n) > 0);
            names_are_ours();
            EVENTUALLY(resident(p, n) == n);
            EVENTUALLY(threads() == 1);
        }
        CHECK(is_zero(p, n) && munmap(p, n) == 0);
    }
    return 0;
}
