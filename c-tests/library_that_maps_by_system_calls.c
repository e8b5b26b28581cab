// A library, such as gperftools' tcmalloc, that defines the calls of the address space itself, each by way of syscall(2), is not called
// again by what it calls.
// build: others.so -shared -fPIC -DOTHERS
#include "test.h"
#include <stdarg.h>
#include <sys/syscall.h>

#ifdef OTHERS
void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset) {
    return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
}
int munmap(void *at, size_t len) { return (int)syscall(SYS_munmap, at, len); }
int mprotect(void *at, size_t len, int prot) { return (int)syscall(SYS_mprotect, at, len, prot); }
int madvise(void *at, size_t len, int advice) { return (int)syscall(SYS_madvise, at, len, advice); }
int mlock(const void *at, size_t len) { return (int)syscall(SYS_mlock, at, len); }
int munlock(const void *at, size_t len) { return (int)syscall(SYS_munlock, at, len); }
int dup2(int old, int new) { return (int)syscall(SYS_dup2, old, new); }
void *mremap(void *old, size_t old_len, size_t len, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    void *to = va_arg(rest, void *);
    va_end(rest);
    return (void *)syscall(SYS_mremap, old, old_len, len, flags, to);
}
#else
int main(int argc, char **argv) {
    if (argc == 1) { // once more, with it behind whatever is preloaded
        const char *preload = getenv("LD_PRELOAD");
        char list[1024];
        snprintf(list, sizeof list, "%s%s%.*s/others.so", preload ? preload : "", preload ? ":" : "",
                 (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
        CHECK(setenv("LD_PRELOAD", list, 1) == 0);
        execl(argv[0], argv[0], "again", (char *)NULL);
        CHECK(!"exec");
    }
    for (int i = 0; i < 3; i++) {
        char *p = map(MIB(4));
        memset(p, i, MIB(4));
        CHECK(mprotect(p, MIB(1), PROT_READ) == 0 && mprotect(p, MIB(1), PROT_READ | PROT_WRITE) == 0);
        CHECK(mlock(p, KIB(16)) == 0 && munlock(p, KIB(16)) == 0);
        CHECK((p = mremap(p, MIB(4), MIB(8), MREMAP_MAYMOVE)) != MAP_FAILED && p[MIB(4) - 1] == i);
        CHECK(madvise(p, MIB(8), MADV_DONTNEED) == 0 && p[5] == 0);
        CHECK(mmap(p, MIB(1), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
        CHECK(munmap(p, MIB(8)) == 0 && syscall(SYS_munmap, p, MIB(8)) == 0);
        free(memset(malloc(MIB(3)), 1, MIB(3)));
        CHECK(dup2(1, 30) == 30 && close(30) == 0);
    }
    return 0;
}
#endif
