// equal_calls SEED [STEPS [THREADS [FIRST]]]: prints a digest for each thread, the first of which is number FIRST. EQUAL_TRACE=1
// tells every call on standard error.
#include "equal.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

#define FILE_PAGES 512

uint64_t draw(struct work *w, uint64_t below) {
    w->seed = w->seed * 6364136223846793005ul + 1442695040888963407ul;
    return below ? (w->seed >> 33) % below : 0;
}

void steps(struct work *w, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        w->step = i;
        uint64_t what = draw(w, 100);
        if (what < 62) call_on_area(w);
        else if (what < 99) call_on_blocks(w);
        else if (!w->is_child) fork_a_child(w);
    }
}

void fork_a_child(struct work *w) {
    int answer[2];
    if (pipe(answer) != 0) _exit(88);
    pid_t pid = fork();
    if (pid == 0) {
        w->is_child = true;
        // pipes of its own: what another thread has in flight there is not the child's
        if (pipe(w->pipe) != 0) _exit(88);
        w->digest = 0;
        for (int i = 0; i < AREAS; i++) look(w, &w->area[i]);
        steps(w, 25);
        give_up(w);
        if (write(answer[1], &w->digest, sizeof w->digest) != sizeof w->digest) _exit(88);
        _exit(0);
    }
    close(answer[1]);
    uint64_t digest = 0;
    int status = -1;
    if (pid < 0 || read(answer[0], &digest, sizeof digest) < 0 || waitpid(pid, &status, 0) != pid) _exit(88);
    close(answer[0]);
    tell(w, "fork", 0, 0, digest, status, 0);
    for (int i = 0; i < AREAS; i++) look(w, &w->area[i]);
}

static unsigned count = 400;

static void *one(void *arg) {
    struct work *w = arg;
    char name[32];
    snprintf(name, sizeof name, "file%u", w->number);
    w->file = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w->file < 0 || pipe(w->pipe) != 0) _exit(88);
    char page[PAGE];
    for (unsigned i = 0; i < FILE_PAGES; i++) {
        memset(page, (int)(i + w->number), sizeof page);
        if (write(w->file, page, sizeof page) != sizeof page) _exit(88);
    }
    steps(w, count);
    give_up(w);
    close(w->file);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    uint64_t seed = strtoull(argv[1], NULL, 0);
    if (argc > 2) count = (unsigned)strtoul(argv[2], NULL, 0);
    unsigned threads = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 0) : 1 + seed % 3;
    unsigned first = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 0) : 0;
    static struct work work[16];
    pthread_t thread[16];
    if (threads < 1 || threads > 16) return 2;
    for (unsigned i = 0; i < threads; i++) {
        work[i] = (struct work){.seed = (seed + 1) * 0x9e3779b97f4a7c15ul + (first + i) * 0xbf58476d1ce4e5b9ul, .number = first + i, .is_alone = threads == 1};
        if (pthread_create(&thread[i], NULL, one, &work[i]) != 0) return 88;
    }
    for (unsigned i = 0; i < threads; i++) {
        if (pthread_join(thread[i], NULL) != 0) return 88;
        printf("%u: %016lx\n", first + i, work[i].digest);
    }
    return 0;
}
