// What the program itself locks of threads' stacks, by mlockall(MCL_FUTURE) or in the thread, stays locked when the thread ends
// and the C library keeps the stack.
// policy: stack:lock
// policy: any:lock
// policy: stack:populate+lock
// limit: memlock=6M
#include "test.h"
#include "smaps.h"
#include "threads.h"

static char *stack;
static size_t size;
static void *looks(void *arg) {
    stack = own_stack(&size);
    if (arg) CHECK(mlock(stack, size) == 0);
    CHECK(smaps_flagged(stack, size, "lo") == size);
    return arg;
}

int main(void) {
    pthread_attr_t small;
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, KIB(256)) == 0);
    CHECK(pthread_setattr_default_np(&small) == 0);
    in_a_thread(looks, "locks it");
    CHECK(smaps_flagged(stack, size, "lo") == size);
    CHECK(munlock(stack, size) == 0);

    CHECK(pthread_attr_setstacksize(&small, MIB(1)) == 0 && pthread_setattr_default_np(&small) == 0);
    CHECK(mlockall(MCL_FUTURE) == 0);
    for (int i = 0; i < 3; i++) {
        in_a_thread(looks, NULL); // a new stack, and then the same one
        CHECK(smaps_flagged(stack, size, "lo") == size);
    }
    CHECK(munlockall() == 0);
    return 0;
}
