// malloc(0) and its kin return blocks that are nobody else's and can be freed and grown.
#include "test.h"
#include <malloc.h>

int main(void) {
    void *p[5] = {malloc(0), malloc(0), calloc(0, 0), realloc(NULL, 0), memalign(4096, 0)};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++) CHECK(p[i] != NULL && (i == j || p[i] != p[j]));
    for (int i = 0; i < 5; i++) {
        p[i] = realloc(p[i], MIB(1) * i + 1);
        CHECK(p[i] != NULL);
        free(p[i]);
    }
    return 0;
}
