// What the model decides by chance.
#include "model.h"

uint64_t any(void) {
    // splitmix64
    uint64_t z = run->random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

size_t below(size_t n) { return any() % n; }

bool one_in(size_t n) { return below(n) == 0; }

// From `low` to `high`, small ones as often as large ones.
static size_t of_any_magnitude(unsigned low_bits, unsigned high_bits) {
    unsigned bits = low_bits + below(high_bits - low_bits);
    return ((size_t)1 << bits) + below((size_t)1 << bits);
}

size_t any_size(void) {
    static const size_t edges[] = {KIB(64), KIB(64), KIB(64), KIB(128), KIB(128),
                                   MIB(1),  MIB(1),  MIB(2),  MIB(2),   MIB(4)};
    // 16 is the header of a block that is a mapping of its own
    static const int steps[] = {0,    1,     -1,   15,    -15,  -16,   -17,  -24,  -32,
                                4096, -4096, 4095, -4095, 4080, -4112, 8192, -8192};
    size_t what = below(1000);
    // of nearly one size, so that what one thread frees is what another takes
    if (run->around && what < 900) return run->around + below(26) * (run->around / 200);
    if (what < 20) return 0;
    if (what < 450) return of_any_magnitude(0, 16);
    if (what < 850) return edges[below(10)] + (size_t)(ssize_t)steps[below(17)] + (one_in(4) ? below(KIB(64)) : 0);
    if (what < 990) return of_any_magnitude(16, 23);
    if (what < 999) return of_any_magnitude(23, 26);
    return of_any_magnitude(26, 28);
}

size_t impossible_size(void) {
    static const size_t sizes[] = {SIZE_MAX,        SIZE_MAX - 15,   SIZE_MAX - 4096,        PTRDIFF_MAX,
                                   PTRDIFF_MAX + 1ul, PTRDIFF_MAX - 4096, (size_t)1 << 47, (size_t)1 << 55};
    return sizes[below(8)];
}

size_t any_alignment(void) {
    return one_in(3) ? PAGE : one_in(4) ? MIB(2) : (size_t)16 << below(19);
}
