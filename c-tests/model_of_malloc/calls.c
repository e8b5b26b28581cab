// The malloc family, each of its functions.
//
// What must hold here: a call that must succeed may fail only with ENOMEM below a limit on memory, which no run has; a
// call that succeeds leaves errno alone.
#include "model.h"

// C23; an old C library lacks them.
extern void free_sized(void *, size_t) __attribute__((weak));

// glibc's own calls may leave this on success, where the break could not be moved: it is no error.
enum { UNTOUCHED = 0x5a5a };

static void check_errno(const char *call) {
    REQUIRE(errno == UNTOUCHED || errno == ENOMEM, "%s has succeeded and set errno to %d", call, errno);
}

static void check_alignment(const char *at, size_t align, size_t size) {
    // jemalloc: a block that is too small for any object of that alignment need not have it
    size_t needed = size == 0 ? 8 : align <= 16 && size < 16 ? 8 : align;
    REQUIRE(((uintptr_t)at & (needed - 1)) == 0, "a block of %zu bytes at %p is not aligned to %zu", size, (void *)at,
            align);
}

static char *zeroed(size_t size) {
    static const size_t parts[] = {1, 1, 8, 16, 4096};
    size_t part = parts[below(5)];
    if (size % part) part = 1;
    return one_in(2) ? calloc(size / part, part) : calloc(part, size / part);
}

void allocate(struct block *b) {
    size_t size = any_size(), align = 16;
    char *at = NULL;
    const char *call = "malloc";
    bool is_zeroed = false;
    int error = 0;
    errno = UNTOUCHED;
    switch (below(20)) {
    default: at = malloc(size); break;
    case 8 ... 12:
        call = "calloc", is_zeroed = true;
        at = zeroed(size);
        break;
    case 13:
        call = "realloc of NULL";
        at = realloc(NULL, size);
        break;
    case 14:
        call = "reallocarray of NULL";
        at = reallocarray(NULL, size / 8, 8), size = size / 8 * 8;
        break;
    case 15:
        call = "posix_memalign", align = any_alignment();
        error = posix_memalign((void **)&at, align, size);
        REQUIRE(error == 0, "posix_memalign(%zu, %zu) gives %d", align, size, error);
        break;
    case 16:
        call = "aligned_alloc", align = any_alignment();
        at = aligned_alloc(align, size);
        break;
    case 17:
        call = "memalign", align = any_alignment();
        at = memalign(align, size);
        break;
    case 18:
        call = "valloc", align = PAGE;
        at = valloc(size);
        break;
    case 19:
        if (without.pvalloc) {
            at = malloc(size);
            break;
        }
        call = "pvalloc", align = PAGE;
        at = pvalloc(size), size = (size + PAGE - 1) & -PAGE;
        break;
    }
    REQUIRE(at != NULL, "%s of %zu bytes gives NULL, errno %d", call, size, errno);
    check_errno(call);
    check_alignment(at, align, size);
    if (is_zeroed) {
        size_t wrong = 0;
        if (!is_zero(at, size))
            while (at[wrong] == 0) wrong++;
        REQUIRE(wrong == 0 && (size == 0 || at[0] == 0), "calloc of %zu bytes at %p is not zero at offset %zu", size,
                (void *)at, wrong);
    }
    enter_block(b, at, size);
}

void release(struct block *b) {
    check_block(b);
    undo_left(b, one_in(2));
    char *at = b->at;
    leave_block(b);
    b->at = NULL;
    errno = UNTOUCHED;
    if (one_in(50)) {
        // glibc's way: freed, and NULL
        char *again = realloc(at, 0);
        free(again);
    } else if (free_sized && one_in(8)) {
        free_sized(at, b->size);
    } else {
        free(at);
    }
    check_errno("free");
}

void resize(struct block *b) {
    if (b->left == GUARD) return; // realloc may copy
    undo_left(b, true);
    struct block old = *b;
    size_t size = one_in(3) ? old.size * 2 : one_in(3) ? old.size / 2 : one_in(4) ? old.size + PAGE : any_size();
    if (size == 0 || size > MIB(256)) size = 1 + old.size / 3;
    check_block(b);
    leave_block(b);
    errno = UNTOUCHED;
    char *at = one_in(5) ? reallocarray(old.at, 1, size) : realloc(old.at, size);
    REQUIRE(at != NULL, "realloc of %zu bytes to %zu gives NULL, errno %d", old.size, size, errno);
    if (!old.split) check_errno("realloc");
    check_alignment(at, 16, size);
    check_prefix(at, &old, old.size < size ? old.size : size);
    enter_block(b, at, size);
    // in place or moved by its page tables, it has what it had
    if (old.left != NOTHING) b->left = OVERLAID, b->left_to = old.left_to;
    if (old.left == WIPED || old.left == NO_FORK) b->left = NO_FORK, b->left_from = 0, b->left_to = b->filled;
    b->split = old.split;
}

// What other threads do between two steps of a call is a matter of chance: the more calls in a time, the better.
void churn(void) {
    size_t around = run->around ? run->around : KIB(64);
    for (int i = 0; i < 40; i++) {
        size_t before = around + below(26) * (around / 200), after = around + below(26) * (around / 200);
        uint64_t id = any(), *at = malloc(before &= -8ul);
        REQUIRE(at != NULL, "malloc of %zu bytes gives NULL, errno %d", before, errno);
        at[0] = at[before / 8 - 1] = id;
        at = realloc(at, after &= -8ul);
        REQUIRE(at != NULL, "realloc of %zu bytes to %zu gives NULL, errno %d", before, after, errno);
        REQUIRE(at[0] == id && (after < before || at[before / 8 - 1] == id), "realloc to %p has lost its content",
                (void *)at);
        at[after / 8 - 1] = ~id;
        REQUIRE(at[0] == id && at[after / 8 - 1] == ~id, "a block at %p has lost its content", (void *)at);
        free(at);
    }
}

// Calls that can't succeed, on a block or on none.
void fail_to_allocate(struct block *b) {
    size_t size = impossible_size();
    char *at = NULL, *was = b->at;
    int error = ENOMEM;
    const char *call = "";
    errno = UNTOUCHED;
    switch (below(9)) {
    case 0: call = "malloc", at = malloc(size); break;
    case 1: call = "calloc", at = calloc(1, size); break;
    case 2: call = "calloc", at = calloc(size / 16 + 1, 4096); break;
    case 3:
        call = "realloc";
        if (was) at = realloc(was, size);
        else errno = ENOMEM;
        break;
    case 4:
        call = "reallocarray";
        if (was) at = reallocarray(was, size, 16);
        else errno = ENOMEM;
        break;
    case 5:
        call = "posix_memalign";
        at = was;
        error = posix_memalign((void **)&at, any_alignment(), size);
        REQUIRE(at == was, "a posix_memalign that failed has written its pointer");
        REQUIRE(error == ENOMEM, "posix_memalign of %zu bytes gives %d", size, error);
        at = NULL, errno = ENOMEM;
        break;
    case 6:
        call = "posix_memalign";
        error = posix_memalign((void **)&at, one_in(3) ? 0 : one_in(2) ? 4 : 24, any_size());
        REQUIRE(error == EINVAL && at == NULL, "posix_memalign of a bad alignment gives %d", error);
        errno = ENOMEM;
        break;
    case 7: call = "aligned_alloc", at = aligned_alloc(any_alignment(), size); break;
    case 8: call = "valloc", at = valloc(size); break;
    }
    REQUIRE(at == NULL, "%s of %zu bytes gives %p", call, size, (void *)at);
    REQUIRE(errno == ENOMEM || without.enomem, "%s of %zu bytes fails with errno %d", call, size, errno);
    check_block(b);
}

// What says how memory is kept, and asks for it back.
void tune(void) {
    REQUIRE(malloc_usable_size(NULL) == 0, "the usable size of NULL");
    free(NULL);
    switch (below(5)) {
    case 0:
        if (may_set_threshold)
            REQUIRE(mallopt(M_MMAP_THRESHOLD, (int)KIB(64 << below(8))) == 1, "mallopt(M_MMAP_THRESHOLD)");
        break;
    case 1: REQUIRE(mallopt(M_TRIM_THRESHOLD, (int)(KIB(128) << below(8))) == 1, "mallopt(M_TRIM_THRESHOLD)"); break;
    case 2: REQUIRE(mallopt(M_TOP_PAD, (int)(KIB(4) << below(10))) == 1, "mallopt(M_TOP_PAD)"); break;
    default: malloc_trim(one_in(2) ? 0 : KIB(128)); break;
    }
}
