// The calls: arguments of every sort, those that the kernel refuses among them, always inside of one's own areas.
#include "equal.h"
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#define FILE_PAGES 512

// Errno must be as it was after a call that succeeds.
#define CALL(result, expression)                                                                                          \
    long result;                                                                                                          \
    errno = 4444;                                                                                                         \
    result = (long)(expression);                                                                                          \
    int error = errno == 4444 ? 0 : errno;

static int some_rights(struct work *w) {
    static const int rights[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC, 0x1000};
    return rights[draw(w, 6)];
}

// Now and then none, not aligned, or too much to be had.
static size_t odd_length(struct work *w, size_t pages) {
    switch (draw(w, 24)) {
    case 0: return 0;
    case 1: return pages * PAGE - 1;
    case 2: return SIZE_MAX - PAGE;
    default: return pages * PAGE;
    }
}

static size_t some_pages(struct work *w) {
    switch (draw(w, 4)) {
    case 0: return 1 + draw(w, 15);
    case 1: return 16 + draw(w, 48);
    case 2: return 64 + draw(w, 448);
    default: return 512 + draw(w, 1024);
    }
}

// Writes a word into some pages of a stretch, as far as that can be done.
static void put(struct work *w, struct area *a, size_t from, size_t pages) {
    for (size_t i = from; i < from + pages; i++) {
        uint64_t word = w->seed ^ (i << 32) ^ w->step;
        if (write(w->pipe[1], &word, sizeof word) != sizeof word) _exit(88);
        if (read(w->pipe[0], a->at + i * PAGE, sizeof word) != sizeof word) {
            // What could not be taken out is still in there, in whole or in part.
            char rest[8];
            fcntl(w->pipe[0], F_SETFL, O_NONBLOCK);
            while (read(w->pipe[0], rest, sizeof rest) > 0) {}
            fcntl(w->pipe[0], F_SETFL, 0);
        }
    }
}

// Where the kernel never places anything by itself: below programs, above the ranges of garbage collectors.
static char *home_of(struct work *w, const struct area *a) {
    return (char *)0x100000000000 + ((size_t)w->number << 36) + ((size_t)(a - w->area) << 32);
}

static void map(struct work *w, struct area *a) {
    enum kind kind = 1 + draw(w, KINDS - 1);
    size_t pages = some_pages(w);
    int rights = some_rights(w), flags = MAP_PRIVATE, fd = -1;
    off_t offset = 0;
    bool is_home = a - w->area >= AREAS / 2 && kind != SEGMENT;
    *a = (struct area){.kind = kind, .is_home = is_home, .pages = pages, .fd = -1};
    if (kind == SEGMENT) {
        CALL(id, shmget(IPC_PRIVATE, pages * PAGE, IPC_CREAT | 0600));
        tell(w, "shmget", pages, 0, 0, id >= 0, error);
        if (id < 0) {
            a->kind = NOTHING;
            return;
        }
        a->at = shmat((int)id, NULL, 0);
        shmctl((int)id, IPC_RMID, NULL);
        if (a->at == (char *)-1) a->kind = NOTHING;
        tell(w, "shmat", pages, 0, 0, a->kind == SEGMENT, 0);
        return;
    }
    if (kind == ANON || kind == SHARED_ANON) {
        flags = (kind == ANON ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS;
        static const int also[] = {0, 0, 0, MAP_NORESERVE, MAP_POPULATE, MAP_STACK, MAP_LOCKED, 0};
        flags |= also[draw(w, 8)];
    } else {
        flags = kind == FILE_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
        pages = a->pages = 1 + pages % FILE_PAGES;
        offset = (off_t)draw(w, FILE_PAGES - pages + 1) * (off_t)PAGE;
        fd = w->file;
        if (kind == MEMFD) {
            a->fd = fd = memfd_create("equal", MFD_CLOEXEC);
            if (fd < 0 || ftruncate(fd, FILE_PAGES * PAGE) != 0) _exit(88);
        }
        if (draw(w, 20) == 0) offset += 100; // EINVAL
        if (draw(w, 20) == 0) fd = 9999;     // EBADF
    }
    size_t length = odd_length(w, pages);
    char *at = is_home ? home_of(w, a) : NULL;
    if (is_home) flags |= draw(w, 2) ? MAP_FIXED : draw(w, 2) ? MAP_FIXED_NOREPLACE : 0;
    CALL(got, mmap(at, length, rights, flags, fd, offset));
    bool is_mapped = (void *)got != MAP_FAILED && (!at || (void *)got == at);
    tell(w, "mmap", length, (uint64_t)rights << 32 | (uint64_t)flags, (uint64_t)offset, is_mapped, error);
    if (is_mapped) {
        a->at = (char *)got;
    } else {
        if (a->fd >= 0) close(a->fd);
        a->kind = NOTHING;
    }
}

static void unmap_all(struct work *w, struct area *a) {
    if (a->kind == SEGMENT) {
        CALL(done, shmdt(a->at));
        tell(w, "shmdt", 0, 0, 0, done, error);
        a->kind = NOTHING;
        return;
    }
    CALL(done, munmap(a->at, a->pages * PAGE));
    tell(w, "munmap", 0, a->pages, 0, done, error);
    if (a->fd >= 0) close(a->fd);
    a->kind = NOTHING;
}

static void remap(struct work *w, struct area *a) {
    if (a->kind == SEGMENT || (a->is_parts && a->pages == 1)) return;
    size_t pages = a->is_parts ? 1 + draw(w, a->pages - 1) : draw(w, 2) ? a->pages + draw(w, 300) : 1 + draw(w, a->pages);
    int flags = MREMAP_MAYMOVE;
    // To grow in place depends on what lies behind, which is not ours to say unless it is at home.
    if ((pages <= a->pages || a->is_home) && draw(w, 3) == 0) flags = 0;
    char *to = home_of(w, a) + (1l << 31);
    bool moves = a->is_home && !a->is_parts && flags && a->at != to && draw(w, 4) == 0;
    if (moves) flags |= MREMAP_FIXED;
    if (draw(w, 16) == 0) flags |= 64; // EINVAL
    size_t old = draw(w, 30) == 0 && a->kind == SHARED_ANON && !a->is_home && !a->is_parts ? 0 : a->pages;
    CALL(got, mremap(a->at, old * PAGE, pages * PAGE, flags, to));
    bool is_done = (void *)got != MAP_FAILED;
    tell(w, "mremap", old, pages, (uint64_t)flags, is_done, error);
    if (!is_done) return;
    if (old == 0) munmap(a->at, a->pages * PAGE); // a second mapping of the same memory; the first goes
    // Where it has gone elsewhere, the kernel has chosen the place.
    a->is_home = a->is_home && ((void *)got == a->at || moves);
    a->at = (char *)got, a->pages = pages;
}

static const int ADVICE[] = {
    MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_REMOVE,
    MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK,
    MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE, 24 /* DONTNEED_LOCKED */,
    102 /* GUARD_INSTALL */, 103 /* GUARD_REMOVE */, 999,
};

static void advise(struct work *w, struct area *a, size_t from, size_t pages) {
    int advice = ADVICE[draw(w, sizeof ADVICE / sizeof *ADVICE)];
    if (advice == MADV_DONTFORK && !a->is_home) advice = MADV_DODUMP; // a hole in the child
    size_t length = odd_length(w, pages);
    char *at = a->at + from * PAGE + (draw(w, 20) == 0 ? 8 : 0);
    // Whether pages can be pushed out, or huge ones had, is the machine's business; that it is asked is not.
    if (draw(w, 4)) {
        CALL(done, draw(w, 8) ? madvise(at, length, advice) : syscall(SYS_madvise, at, length, advice));
        tell(w, "madvise", from, length, (uint64_t)advice, done, error);
    } else {
        int posix = (int)draw(w, 6);
        CALL(done, posix_madvise(at, length, posix));
        advice = posix == POSIX_MADV_RANDOM || posix == POSIX_MADV_SEQUENTIAL ? MADV_RANDOM : MADV_NORMAL;
        tell(w, "posix_madvise", from, length, (uint64_t)posix, done, error);
    }
    static const int plain[] = {MADV_NORMAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_COLD, MADV_PAGEOUT,
                                MADV_POPULATE_READ, MADV_POPULATE_WRITE, 24, 999};
    bool is_plain = false;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) is_plain |= advice == plain[i];
    a->is_parts |= !is_plain && pages != a->pages;
    // What was offered may be taken at any time: not once it is written to.
    if (advice == MADV_FREE) put(w, a, from, pages);
}

static void lock(struct work *w, struct area *a, size_t from, size_t pages) {
    size_t length = odd_length(w, pages);
    char *at = a->at + from * PAGE;
    int how = (int)draw(w, 5);
    a->is_parts |= pages != a->pages;
    CALL(done, how == 0 ? mlock2(at, length, MLOCK_ONFAULT) : how == 1 ? mlock2(at, length, 7) : how == 2 ? mlock(at, length) : munlock(at, length));
    tell(w, how < 3 ? "mlock" : "munlock", from, length, (uint64_t)how, done, error);
}

static void sync_it(struct work *w, struct area *a, size_t from, size_t pages) {
    static const int flags[] = {MS_ASYNC, MS_SYNC, MS_ASYNC | MS_INVALIDATE, MS_ASYNC | MS_SYNC, MS_INVALIDATE};
    int flag = flags[draw(w, 5)];
    CALL(done, msync(a->at + from * PAGE, pages * PAGE, flag));
    tell(w, "msync", from, pages, (uint64_t)flag, done, error);
}

static void change_a_part(struct work *w, struct area *a, size_t from, size_t pages) {
    if (a->kind == SEGMENT) return; // shmdt would leave what is not the segment's
    char *at = a->at + from * PAGE;
    a->is_parts = true;
    switch (a->is_home ? draw(w, 4) : 1 + draw(w, 3)) {
    case 0: {
        size_t length = draw(w, 8) ? pages * PAGE : pages * PAGE - 5;
        CALL(done, munmap(at, length));
        tell(w, "munmap", from, length, 0, done, error);
        return;
    }
    case 1: {
        int rights = some_rights(w);
        CALL(got, mmap(at, pages * PAGE, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
        tell(w, "mmap fixed", from, pages, (uint64_t)rights, (void *)got == at, error);
        return;
    }
    case 2: {
        off_t offset = (off_t)draw(w, FILE_PAGES) * (off_t)PAGE;
        int type = draw(w, 2) ? MAP_SHARED : MAP_PRIVATE;
        CALL(got, mmap(at, pages * PAGE, PROT_READ | PROT_WRITE, type | MAP_FIXED, w->file, offset));
        tell(w, "mmap file fixed", from, pages, (uint64_t)offset, (void *)got == at, error);
        return;
    }
    default: {
        CALL(got, mmap(at, pages * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
        bool is_there = (void *)got != MAP_FAILED;
        tell(w, "mmap noreplace", from, pages, 0, is_there, error);
        if (is_there && (void *)got != at) _exit(88);
    }
    }
}

void call_on_area(struct work *w) {
    struct area *a = &w->area[draw(w, AREAS)];
    if (getenv("EQUAL_TRACE")) fprintf(stderr, "%u%s.%u area %d kind %d of %lu pages\n", w->number, w->is_child ? "c" : "", w->step, (int)(a - w->area), a->kind, a->pages);
    if (a->kind == NOTHING) {
        map(w, a);
        look(w, a);
        return;
    }
    size_t from = draw(w, a->pages), pages = 1 + draw(w, a->pages - from);
    if (draw(w, 3) == 0) from = 0, pages = a->pages;
    switch (draw(w, 16)) {
    case 0: unmap_all(w, a); return;
    case 1:
    case 2: remap(w, a); break;
    case 3:
    case 4:
    case 5: {
        int rights = some_rights(w);
        size_t length = odd_length(w, pages);
        a->is_parts |= pages != a->pages;
        CALL(done, mprotect(a->at + from * PAGE, length, rights));
        tell(w, "mprotect", from, length, (uint64_t)rights, done, error);
        break;
    }
    case 6:
    case 7:
    case 8: advise(w, a, from, pages); break;
    case 9:
    case 10: lock(w, a, from, pages); break;
    case 11: sync_it(w, a, from, pages); break;
    case 12:
    case 13: change_a_part(w, a, from, pages); break;
    default: put(w, a, from, pages);
    }
    look(w, a);
}

void give_up(struct work *w) {
    for (int i = 0; i < AREAS; i++)
        if (w->area[i].kind != NOTHING) unmap_all(w, &w->area[i]);
    for (int i = 0; i < BLOCKS; i++) free(w->block[i].at), w->block[i].at = NULL;
}
