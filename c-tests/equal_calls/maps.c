// What is told of an area: the stretches of /proc/self/maps in it, those that differ in advice alone put together, and a word
// of each page, read by way of a pipe, so that what can't be read is an answer and no signal.
#include "equal.h"
#include <fcntl.h>

static void mix(struct work *w, uint64_t word) {
    w->digest = (w->digest ^ word) * 0x100000001b3ul;
    w->digest ^= w->digest >> 29;
}

struct stretch {
    uint64_t start, end, offset;
    char rights[5];
    bool is_file;
};

static void tell_stretch(struct work *w, const struct area *a, const struct stretch *s) {
    uint64_t base = (uint64_t)a->at;
    mix(w, (s->start - base) / PAGE), mix(w, (s->end - base) / PAGE), mix(w, s->is_file ? s->offset : 0);
    for (int i = 0; i < 4; i++) mix(w, (uint64_t)s->rights[i]);
    if (getenv("EQUAL_TRACE"))
        fprintf(stderr, "%u%s. %lu..%lu %s %lx\n", w->number, w->is_child ? "c" : "", (s->start - base) / PAGE, (s->end - base) / PAGE, s->rights,
                s->is_file ? s->offset : 0);
}

static void tell_map(struct work *w, const struct area *a) {
    // Plain calls: a stream would allocate, and take part in what is tested.
    static __thread char text[1 << 18];
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t filled = 0;
    for (ssize_t n; fd >= 0 && (n = read(fd, text + filled, sizeof text - 1 - filled)) > 0;) filled += (size_t)n;
    if (fd < 0 || filled == 0 || filled == sizeof text - 1) _exit(88);
    close(fd);
    text[filled] = 0;
    uint64_t from = (uint64_t)a->at, to = from + a->pages * PAGE;
    struct stretch whole = {0};
    for (char *line = text; *line; line = strchrnul(line, '\n'), line += *line == '\n') {
        struct stretch s = {0};
        unsigned long inode;
        if (sscanf(line, "%lx-%lx %4s %lx %*s %lu", &s.start, &s.end, s.rights, &s.offset, &inode) != 5) continue;
        if (s.end <= from || s.start >= to) continue;
        s.is_file = inode != 0;
        if (s.start < from) s.offset += from - s.start, s.start = from;
        if (s.end > to) s.end = to;
        bool goes_on = whole.end == s.start && whole.is_file == s.is_file && strcmp(whole.rights, s.rights) == 0 &&
                       (!s.is_file || whole.offset + (whole.end - whole.start) == s.offset);
        if (whole.end && goes_on) {
            whole.end = s.end;
        } else {
            if (whole.end) tell_stretch(w, a, &whole);
            whole = s;
        }
    }
    if (whole.end) tell_stretch(w, a, &whole);
}

void look(struct work *w, const struct area *a) {
    if (a->kind == NOTHING) return;
    tell_map(w, a);
    size_t step = a->pages > 64 ? a->pages / 64 : 1;
    for (size_t i = 0; i < a->pages; i += step) {
        uint64_t word = 0;
        ssize_t n = write(w->pipe[1], a->at + i * PAGE, sizeof word);
        if (n > 0 && read(w->pipe[0], &word, (size_t)n) != n) _exit(88);
        mix(w, n > 0 ? word : 0xbad);
    }
}

void tell(struct work *w, const char *call, uint64_t a, uint64_t b, uint64_t c, long result, int error) {
    for (const char *at = call; *at; at++) mix(w, (uint64_t)*at);
    mix(w, a), mix(w, b), mix(w, c), mix(w, (uint64_t)result), mix(w, (uint64_t)error);
    if (getenv("EQUAL_TRACE"))
        fprintf(stderr, "%u%s.%u %s %lu %lu %lx = %ld %s\n", w->number, w->is_child ? "c" : "", w->step, call, a, b, c, result,
                error ? strerrorname_np(error) : "");
}
