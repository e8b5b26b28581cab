// abort leaves a whole page that names no end: nobody in the process could say so.
// exit: signal 6
// page: end = none, mmap_calls >= 10
#include "test.h"

int main(void) {
    for (int i = 0; i < 10; i++) map(MIB(1));
    abort();
}
