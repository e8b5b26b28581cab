// free(NULL) does nothing, as often as it is called.
#include "test.h"

int main(void) {
    for (int i = 0; i < 100000; i++) free(NULL);
    return 0;
}
