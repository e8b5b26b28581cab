// Blocks that come and go, many small nodes, and the bare cost of a malloc and its free.
// usage: small churn COUNT BYTES     COUNT blocks of BYTES written, all freed, taken again: 20 rounds
//        small nodes                 8 M nodes in a hash table, then 10 M random look-ups
//        small pairs THREADS         20 M × malloc(64) and free in each thread
// prints `name value` lines, in seconds; pair in ns
#include "common.h"
#include <pthread.h>

static void churn(size_t count, size_t bytes) {
    enum { MOST = 4096, ROUNDS = 20 };
    static void *blocks[MOST];
    if (count > MOST)
        exit(2);
    double start = now();
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++) {
            blocks[i] = must(malloc(bytes));
            memset(blocks[i], round, bytes);
        }
        if (round == ROUNDS - 1) {
            say("total", now() - start); // but for the last frees: what was held is looked at first
            say_huge(blocks, count, bytes);
        }
        for (size_t i = 0; i < count; i++)
            free(blocks[i]);
    }
}

struct node {
    struct node *next;
    uint64_t key, value[4];
};

static uint64_t mixed(uint64_t x) {
    x = (x ^ (x >> 31)) * 0x9E3779B97F4A7C15u;
    return x ^ (x >> 29);
}

static void nodes(void) {
    enum { NODES = 8000000, LOOKUPS = 10000000, BUCKETS = 1 << 23 };
    double start = now();
    struct node **table = must(calloc(BUCKETS, sizeof *table));
    struct node *last = NULL;
    for (uint64_t key = 0; key < NODES; key++) {
        struct node **bucket = &table[mixed(key) % BUCKETS];
        last = must(malloc(sizeof *last));
        *last = (struct node){*bucket, key, {key, 0, 0, 0}};
        *bucket = last;
    }
    say("build", now() - start);
    say_huge((void *[]){last}, 1, sizeof *last);
    uint64_t sum = 0, x = 88172645463325252u;
    start = now();
    for (int i = 0; i < LOOKUPS; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        uint64_t key = (x >> 32) % NODES;
        struct node *n = table[mixed(key) % BUCKETS];
        while (n->key != key)
            n = n->next;
        sum += n->value[0];
    }
    say("look", now() - start);
    say("sum", sum & 1);
}

enum { PAIRS = 20000000 };
static pthread_barrier_t begin, over;

static void *pairs(void *unused) {
    pthread_barrier_wait(&begin);
    for (int i = 0; i < PAIRS; i++) {
        volatile char *p = malloc(64);
        *p = 1;
        free((void *)p);
    }
    pthread_barrier_wait(&over);
    return unused;
}

// With one thread there is only main: a second one would take glibc's short cut for lone threads away.
static void all_pairs(unsigned threads) {
    pthread_t others[64];
    if (threads < 1 || threads > 64)
        exit(2);
    pthread_barrier_init(&begin, NULL, threads);
    pthread_barrier_init(&over, NULL, threads);
    for (unsigned i = 1; i < threads; i++) {
        if (pthread_create(&others[i], NULL, pairs, NULL))
            exit(1);
    }
    double start = now();
    pairs(NULL);
    say("pair", (now() - start) * 1e9 / PAIRS);
    for (unsigned i = 1; i < threads; i++)
        pthread_join(others[i], NULL);
}

int main(int argc, char **argv) {
    quiet_stdio();
    if (argc == 4 && strcmp(argv[1], "churn") == 0)
        churn(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    else if (argc == 2 && strcmp(argv[1], "nodes") == 0)
        nodes();
    else if (argc == 3 && strcmp(argv[1], "pairs") == 0)
        all_pairs(atoi(argv[2]));
    else {
        fprintf(stderr, "usage: small churn COUNT BYTES | nodes | pairs THREADS\n");
        return 2;
    }
    return 0;
}
