// realloc(NULL, n) is malloc(n); realloc(p, 0) frees p, whatever its size.
#include "test.h"

int main(void) {
    size_t sizes[] = {1, 1000, KIB(64), KIB(200), MIB(1), MIB(5), MIB(40)};
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            char *p = realloc(NULL, sizes[i]);
            CHECK(p != NULL);
            p[0] = p[sizes[i] - 1] = 1;
            errno = 0;
            p = realloc(p, 0);
            if (round == 0) printf("realloc(%zu bytes, 0) is %s, errno %d\n", sizes[i], p ? "a block" : "NULL", errno);
            free(p);
        }
    }
    return 0;
}
