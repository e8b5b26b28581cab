// malloc and its kin, and the break beside them: what a block holds, and what is refused.
#include "equal.h"
#include <malloc.h>

static size_t some_size(struct work *w) {
    switch (draw(w, 6)) {
    case 0: return draw(w, 64);
    case 1: return draw(w, 4096);
    case 2: return draw(w, 1 << 16);
    case 3: return (64 << 10) + draw(w, 1 << 20);
    case 4: return (1 << 20) + draw(w, 3 << 20);
    default: return draw(w, 8) ? draw(w, 512) : SIZE_MAX - draw(w, 1 << 20);
    }
}

static uint64_t sum(const struct block *b) {
    uint64_t sum = 0;
    for (size_t i = 0; i < b->size; i += i < 64 ? 1 : 509) sum = sum * 31 + b->at[i];
    return sum;
}

static void fill(struct block *b) {
    for (size_t i = 0; i < b->size; i += i < 64 ? 1 : 509) b->at[i] = (unsigned char)(b->tag + i);
}

// The break goes up and down again: whoever has it meanwhile, malloc or we, what is new is zero.
static void move_the_break(struct work *w) {
    if (!w->is_alone) return; // another thread's malloc may move it meanwhile
    intptr_t more = (intptr_t)(1 + draw(w, 40)) * (intptr_t)PAGE;
    unsigned char *was = sbrk(more);
    uint64_t found = 0;
    if (was != (void *)-1)
        for (intptr_t i = 0; i < more; i += 64) found |= was[i];
    tell(w, "sbrk", (uint64_t)more, 0, 0, was != (void *)-1, (int)found);
    if (was != (void *)-1 && sbrk(0) == was + more) sbrk(-more);
}

void call_on_blocks(struct work *w) {
    struct block *b = &w->block[draw(w, BLOCKS)];
    if (draw(w, 40) == 0) {
        tell(w, "malloc_trim", 0, 0, 0, malloc_trim(draw(w, 2) ? 0 : 1 << 20) >= 0, 0);
        return;
    }
    if (draw(w, 40) == 0) {
        move_the_break(w);
        return;
    }
    size_t size = some_size(w), align = (size_t)16 << draw(w, 12);
    b->tag++;
    if (!b->at) {
        int how = (int)draw(w, 6), error = 0;
        void *at = NULL;
        errno = 0;
        switch (how) {
        case 0: at = calloc(draw(w, 10) ? 1 : SIZE_MAX / 2, size); break;
        case 1: error = posix_memalign(&at, draw(w, 10) ? align : 24, size); break;
        case 2: at = aligned_alloc(align, size); break;
        case 3: at = memalign(align, size); break;
        default: at = malloc(size);
        }
        if (!at && !error) error = errno;
        bool is_fit = !at || (malloc_usable_size(at) >= size && (how == 0 || how > 3 || (uintptr_t)at % (how == 1 ? 8 : align) == 0));
        b->at = at, b->size = at ? size : 0;
        tell(w, "malloc", (uint64_t)how, size, align, (at != NULL) + 2 * is_fit, error);
        if (at && how == 0) tell(w, "zeroes", 0, 0, 0, (long)sum(b), 0);
        if (at) fill(b);
        return;
    }
    uint64_t before = sum(b);
    tell(w, "content", b->size, 0, 0, (long)before, 0);
    if (draw(w, 2)) {
        free(b->at);
        b->at = NULL;
        return;
    }
    if (size == 0) size = 1;
    errno = 0;
    void *at = realloc(b->at, size);
    tell(w, "realloc", b->size, size, 0, at != NULL, at ? 0 : errno);
    if (!at) return;
    b->at = at;
    size_t both = size < b->size ? size : b->size;
    b->size = both;
    tell(w, "content", both, 0, 0, (long)sum(b), 0);
    b->size = size;
    fill(b);
}
