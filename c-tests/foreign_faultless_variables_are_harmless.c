// Variables with our prefix that are no option, as Kubernetes sets them for a service of that name, and non-UTF-8 ones
// change nothing and are said nowhere but in the page.
// env: FAULTLESS_PORT=tcp://10.0.0.1:80
// env: FAULTLESS_SERVICE_HOST=10.0.0.1
// page: unknown_names >= 2
#include "test.h"

int main(void) {
    char *p = map(MIB(8));
    p[0] = 1;
    return 0;
}
