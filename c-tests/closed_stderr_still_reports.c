// A program that closes stdout and stderr in an exit handler, as coreutils do, still reports to the stderr it had.
// env: FAULTLESS_REPORT=all
// stderr: faultless
#include "test.h"

static void close_streams(void) {
    fclose(stdout);
    fclose(stderr);
}

int main(void) {
    atexit(close_streams);
    printf("output\n");
    char *p = map(MIB(8));
    p[0] = 1;
    return 0;
}
