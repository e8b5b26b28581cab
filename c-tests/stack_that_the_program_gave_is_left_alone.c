// Rules for stacks do nothing to memory that the program gave a thread as its stack, neither while the thread runs nor after.
// policy: stack:populate+lock+dontdump
// policy: stack:huge+dontdump
// policy: stack:nohuge
#include "test.h"
#include "smaps.h"
#include "threads.h"

static char *given;
static void *looks(void *arg) {
    CHECK((char *)&arg > given && (char *)&arg < given + MIB(4));
    for (const char *flag = "lo\0hg\0nh\0dd\0"; *flag; flag += 3) CHECK(smaps_flagged(given, MIB(4), flag) == 0);
    CHECK(resident(given, MIB(2)) == 0);
    return arg;
}

int main(void) {
    given = map(MIB(4));
    pthread_attr_t a;
    CHECK(pthread_attr_init(&a) == 0 && pthread_attr_setstack(&a, given, MIB(4)) == 0);
    for (int i = 0; i < 2; i++) {
        pthread_t t;
        CHECK(pthread_create(&t, &a, looks, NULL) == 0 && pthread_join(t, NULL) == 0);
        for (const char *flag = "lo\0hg\0nh\0dd\0"; *flag; flag += 3) CHECK(smaps_flagged(given, MIB(4), flag) == 0);
    }
    return 0;
}
