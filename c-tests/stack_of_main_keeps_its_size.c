// What a language runtime asks for before it checks its depth, pthread_getattr_np in the main thread, says the same as without us:
// glibc takes the mapping before [stack] for its end, so that no lock may part it.
// policy: stack:lock
// policy: any:lock
// policy: stack:lock+populate=64K
// page [stack:lock]: rule1.skipped > 0
#include "test.h"
#include <pthread.h>

int main(void) {
    pthread_attr_t attributes;
    void *at;
    size_t size;
    CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
    CHECK(pthread_attr_getstack(&attributes, &at, &size) == 0);
    printf("%zu MiB\n", (size + KIB(512)) >> 20);
    return 0;
}
