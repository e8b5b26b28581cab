// main leaves by pthread_exit and the process ends with its last thread, as without the shim.
#include "test.h"

static void *last(void *main_thread) {
    CHECK(pthread_join(*(pthread_t *)main_thread, NULL) == 0);
    for (int i = 0; i < 10; i++) free(malloc(MIB(2)));
    return NULL;
}

int main(void) {
    static pthread_t self, thread;
    self = pthread_self();
    CHECK(pthread_create(&thread, NULL, last, &self) == 0 && pthread_detach(thread) == 0);
    pthread_exit(NULL);
}
