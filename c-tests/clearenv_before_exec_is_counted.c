// A program that clears its environment and becomes another one is counted as having run one that isn't reached.
// page: not_reached >= 1, end = exec
#include "test.h"

int main(void) {
    CHECK(clearenv() == 0);
    execl("/bin/true", "true", (char *)NULL);
    return 1;
}
