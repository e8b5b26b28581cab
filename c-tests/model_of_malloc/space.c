// Address-space calls on whole pages inside a block.
//
// What must hold here: only what a program may do to memory that malloc gave it. Pages of a block that shares its
// mapping with others are put back as they were before anything else happens to it; only on a block that has a mapping
// of its own is something left behind until it is freed.
#include "model.h"
#include <sys/resource.h>
#include <sys/syscall.h>

enum { FILE_PAGES = 64 };

static int file;
static size_t may_lock;
static atomic_size_t locked;

void open_space(void) {
    file = memfd_create("model", MFD_CLOEXEC);
    if (file < 0) file = open("model", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    for (size_t page = 0; page < FILE_PAGES; page++) {
        uint64_t words[PAGE / 8];
        for (size_t i = 0; i < PAGE / 8; i++) words[i] = page * 1000 + i;
        CHECK(write(file, words, PAGE) == (ssize_t)PAGE);
    }
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    may_lock = limit.rlim_cur / 2; // locks of other threads' calls are under way too
}

// Whether a block is a mapping of its own, as glibc lays one out, and the shim too: 16 bytes into a page, and
// before it the size of whole pages with a bit for that. In the same page: it can be read whoever made the block.
static bool is_a_mapping(const struct block *b) {
    if (b->size < KIB(64) || ((uintptr_t)b->at & (PAGE - 1)) != 16) return false;
    const size_t *header = (const size_t *)b->at - 2;
    return header[0] == 0 && (header[1] & 7) == 2 && (header[1] & ~(size_t)7) % PAGE == 0 && header[1] > b->size;
}

static int advise(void *at, size_t len, int advice) {
    return one_in(4) ? (int)syscall(SYS_madvise, at, len, advice) : madvise(at, len, advice);
}

static int protect(void *at, size_t len, int prot) {
    return one_in(4) ? (int)syscall(SYS_mprotect, at, len, prot) : mprotect(at, len, prot);
}

static void leave(struct block *b, enum left what, size_t from, size_t len) {
    b->left = what;
    b->left_from = from;
    b->left_to = from + len;
}

static void lock_pages(struct block *b, char *at, size_t from, size_t len, bool stays) {
    if (atomic_fetch_add(&locked, len) + len > may_lock) {
        locked -= len;
        return;
    }
    int result = one_in(3) ? mlock2(at, len, MLOCK_ONFAULT) : mlock(at, len);
    REQUIRE(result == 0, "mlock of %zu bytes fails with errno %d, though only %zu are locked", len, errno,
            (size_t)locked);
    check_block(b);
    if (stays) {
        leave(b, LOCKED, from, len);
        return;
    }
    REQUIRE(munlock(at, len) == 0, "munlock fails with errno %d", errno);
    locked -= len;
}

// Another mapping over the pages, which holds the block's content from then on.
static void overlay(struct block *b, char *at, size_t from, size_t len, bool of_file) {
    int flags = MAP_FIXED | (of_file ? MAP_PRIVATE : MAP_SHARED | MAP_ANONYMOUS);
    if (of_file && len > FILE_PAGES * PAGE) len = FILE_PAGES * PAGE;
    char *got = mmap(at, len, PROT_READ | PROT_WRITE, flags, of_file ? file : -1, 0);
    REQUIRE(got == at, "mmap over %zu bytes of a block gives %p, errno %d", len, (void *)got, errno);
    const uint64_t *words = (const uint64_t *)at;
    for (size_t i = 0; i < len / 8; i += 64) {
        uint64_t wanted = of_file ? i / 512 * 1000 + i % 512 : 0;
        REQUIRE(words[i] == wanted, "a mapping over a part of a block holds %lu at %zu", (unsigned long)words[i],
                i * 8);
    }
    refill(b, from, from + len);
    leave(b, OVERLAID, from, len);
}

void call_on_pages(struct block *b) {
    uintptr_t first = ((uintptr_t)b->at + PAGE - 1) & -PAGE, end = ((uintptr_t)b->at + b->size) & -PAGE;
    if (b->left != NOTHING || b->size < PAGE || first >= end) return;
    // a few pages, or all of them
    size_t pages = (end - first) / PAGE, skip = one_in(4) ? 0 : below(pages), n = 1 + below(pages - skip);
    if (one_in(2) && n > 4) n = 1 + below(4);
    char *at = (char *)first + skip * PAGE;
    size_t from = (size_t)(at - b->at), len = n * PAGE;
    bool own = is_a_mapping(b);
    b->split = true;
    switch (below(own ? 15 : 9)) {
    case 0:
        REQUIRE(protect(at, len, PROT_NONE) == 0, "mprotect fails with errno %d", errno);
        REQUIRE(protect(at, len, PROT_READ | PROT_WRITE) == 0, "mprotect back fails with errno %d", errno);
        break;
    case 1:
    case 2:
        REQUIRE(advise(at, len, MADV_DONTNEED) == 0, "MADV_DONTNEED of %zu bytes fails with errno %d", len, errno);
        REQUIRE(is_zero(at, len), "pages of a block are not zero after MADV_DONTNEED");
        refill(b, from, from + len);
        break;
    case 3:
        REQUIRE(advise(at, len, MADV_FREE) == 0, "MADV_FREE of %zu bytes fails with errno %d", len, errno);
        refill(b, from, from + len);
        break;
    case 4:
        REQUIRE(posix_madvise(at, len, POSIX_MADV_DONTNEED) == 0, "posix_madvise fails");
        break;
    case 5:
        REQUIRE(advise(at, len, one_in(2) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0 || errno == EINVAL,
                "advice on page size fails with errno %d", errno);
        break;
    case 6: lock_pages(b, at, from, n > 8 ? 8 * PAGE : len, false); break;
    case 7: {
        char *got = mmap(at, len, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQUIRE(got == at && is_zero(at, len), "fresh pages mapped over a part of a block are not there, or not zero");
        refill(b, from, from + len);
        break;
    }
    case 8:
        REQUIRE(advise(at, len, MADV_DONTFORK) == 0 && advise(at, len, MADV_DOFORK) == 0,
                "MADV_DONTFORK and back fails with errno %d", errno);
        break;
    case 9:
        REQUIRE(protect(at, len, PROT_NONE) == 0, "mprotect fails with errno %d", errno);
        leave(b, GUARD, from, len);
        break;
    case 10:
        REQUIRE(advise(at, len, MADV_DONTFORK) == 0, "MADV_DONTFORK fails with errno %d", errno);
        leave(b, NO_FORK, from, len);
        break;
    case 11:
        REQUIRE(advise(at, len, MADV_WIPEONFORK) == 0, "MADV_WIPEONFORK fails with errno %d", errno);
        leave(b, WIPED, from, len);
        break;
    case 12: overlay(b, at, from, len, true); break;
    case 13: overlay(b, at, from, len, false); break;
    case 14: lock_pages(b, at, from, n > 8 ? 8 * PAGE : len, true); break;
    }
    check_block(b);
}

void undo_left(struct block *b, bool undo) {
    size_t len = b->left_to - b->left_from;
    char *at = b->at + b->left_from;
    if (b->left == LOCKED) {
        locked -= len;
        b->left = NOTHING;
        if (undo) REQUIRE(munlock(at, len) == 0, "munlock fails with errno %d", errno);
    }
    if (b->left == GUARD && undo) {
        b->left = NOTHING;
        REQUIRE(protect(at, len, PROT_READ | PROT_WRITE) == 0, "mprotect back fails with errno %d", errno);
        check_block(b);
    }
}

// A mapping of the program's own, beside the blocks.
void map_elsewhere(void) {
    size_t len = PAGE << below(11);
    char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(at != MAP_FAILED && is_zero(at, len), "a fresh mapping of %zu bytes is not there, or not zero", len);
    memset(at, 0x77, len);
    REQUIRE(at[len - 1] == 0x77 && munmap(at, len) == 0, "munmap fails with errno %d", errno);
}
