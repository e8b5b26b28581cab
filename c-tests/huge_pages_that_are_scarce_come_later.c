// Where no piece of 2 MiB lies ready, memory gets 4K pages at first, and huge
// ones once it has rested: not where nobody has touched it.
// policy: anon@2M:huge
// policy: anon@2M:huge+populate
// some page: rule1.regions = 1, rule1.partly = 1, huge_later_bytes >= 14680064, rule1.failed = 0
// pages: may be missing
#include "test.h"
#include "smaps.h"
#include "crew.h"
#include <sys/mount.h>

// In a mount namespace of its own, with a /proc/buddyinfo that says so.
static void in_fragmented_memory(char **argv) {
    int fd = open("buddyinfo", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    static const char text[] = "Node 0, zone   Normal 900 800 700 600 500 400 300 200 100 0 0\n";
    CHECK(fd >= 0 && write(fd, text, sizeof text - 1) == sizeof text - 1 && close(fd) == 0);
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) SKIP("no mount namespace here");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) SKIP("no mounts here");
    if (mount("buddyinfo", "/proc/buddyinfo", NULL, MS_BIND, NULL) != 0) SKIP("no mount over /proc here");
    execl("/proc/self/exe", argv[0], "again", (char *)NULL);
    CHECK(!"exec");
}

static int compacts_directly(void) {
    char text[96] = "";
    int fd = open("/sys/kernel/mm/transparent_hugepage/defrag", O_RDONLY | O_CLOEXEC);
    CHECK(fd < 0 || read(fd, text, sizeof text - 1) >= 0);
    close(fd);
    return strstr(text, "[madvise]") || strstr(text, "[defer+madvise]");
}

int main(int argc, char **argv) {
    if (!thp_possible() || !compacts_directly()) SKIP("huge pages don't stall here");
    if (madvise((void *)PAGE, 0, 25 /* MADV_COLLAPSE */) != 0) SKIP("no MADV_COLLAPSE");
    if (argc == 1) in_fragmented_memory(argv);
    size_t n = MIB(32);
    char *p = map(n);
    if (under_shim()) CHECK(smaps_flagged(p, n, "hg") == 0);
    fill(p, n / 2, 3);
    if (under_shim()) {
        CHECK(smaps_kb(p, n, "AnonHugePages") == 0);
        EVENTUALLY(smaps_kb(p, n, "AnonHugePages") >= n / 2 / 1024 - 2048);
        if (!policy_has("populate")) CHECK(resident(p, n) == n / 2);
    }
    CHECK(holds(p, n / 2, 3) && is_zero(p + n / 2, n / 2) && munmap(p, n) == 0);
    return 0;
}
