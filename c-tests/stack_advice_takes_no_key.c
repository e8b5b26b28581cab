// Rules that only give advice for threads' stacks leave the program all of its thread-specific keys; rules that lock take one.
// policy: stack:dontdump
// policy: any:nohuge
// policy: stack:lock=onfault
#include "test.h"
#include "threads.h"
#include <limits.h>

static void *ends(void *arg) { return arg; }

int main(void) {
    CHECK(in_a_thread(ends, NULL) == NULL);
    pthread_key_t key;
    int keys = 0;
    while (pthread_key_create(&key, NULL) == 0) keys++;
    CHECK(keys == PTHREAD_KEYS_MAX - policy_has("lock"));
    CHECK(in_a_thread(ends, &key) == &key);
    return 0;
}
