// Prints what a call returned and errno, one line each, so that the runner can compare the table with and without
// the shim. Include it after test.h.
#ifndef TABLE_H
#define TABLE_H

static int row;

// A call that returns a number.
#define ROW(call)                                                    \
    do {                                                             \
        errno = 0;                                                   \
        long result_ = (long)(call);                                 \
        printf("%d: %s = %ld errno %d\n", row++, #call, result_, errno); \
    } while (0)

// A call that returns memory: whether it did.
#define ROW_MEMORY(call)                                                                                   \
    do {                                                                                                   \
        errno = 0;                                                                                         \
        void *result_ = (call);                                                                            \
        printf("%d: %s = %s errno %d\n", row++, #call,                                                      \
               result_ == MAP_FAILED ? "MAP_FAILED" : result_ ? "memory" : "NULL", errno);                 \
    } while (0)

// Values that a compiler would warn of if it saw them.
static void *volatile null_ = NULL;
#define AT(address) ((char *)null_ + (size_t)(address))

#endif
