// A library's own constructor, which runs before the shim's, lists a folder and looks at files.
// build: listing.so -shared -fPIC -DLIBRARY
// cflags: -L. -l:listing.so -Wl,-rpath,$ORIGIN
// policy: file@1M:drop-behind
#include "test.h"
#include <dirent.h>
#include <sys/stat.h>

#ifdef LIBRARY
int entries;
__attribute__((constructor)) static void list(void) {
    struct stat st;
    DIR *d = opendir("/proc/self/fd");
    CHECK(d != NULL && readdir(d) != NULL && closedir(d) == 0);
    FILE *f = fopen("/proc/self/stat", "re");
    CHECK(f != NULL && fclose(f) == 0);
    CHECK(stat("/", &st) == 0 && S_ISDIR(st.st_mode) && fstatat(AT_FDCWD, "/none", &st, 0) == -1 && errno == ENOENT);
    entries++;
}
#else
extern int entries;
int main(void) {
    CHECK(entries == 1);
    return 0;
}
#endif
