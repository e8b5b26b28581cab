// Stacks of threads for the c-tests. Include it after test.h and smaps.h.
#ifndef THREADS_H
#define THREADS_H

// The calling thread's stack in whole pages, without its guard and the page next to it.
__attribute__((unused)) static char *own_stack(size_t *n) {
    pthread_attr_t a;
    void *p;
    size_t guard;
    CHECK(pthread_getattr_np(pthread_self(), &a) == 0 && pthread_attr_getstack(&a, &p, n) == 0);
    CHECK(pthread_attr_getguardsize(&a, &guard) == 0 && pthread_attr_destroy(&a) == 0);
    uintptr_t from = ((uintptr_t)p + guard + 2 * PAGE - 1) & -PAGE;
    *n = (((uintptr_t)p + *n) & -PAGE) - from;
    return (char *)from;
}

// Runs it in a thread of its own, to its end.
__attribute__((unused)) static void *in_a_thread(void *(*f)(void *), void *arg) {
    pthread_t t;
    void *result = NULL;
    CHECK(pthread_create(&t, NULL, f, arg) == 0 && pthread_join(t, &result) == 0);
    return result;
}

#endif
