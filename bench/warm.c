// Makes the machine warm: maps memory, touches it on huge pages and drops it, so that the next program's first touch
// finds pages that the hypervisor has lent already. 4 KiB pages would not do: they don't warm for huge ones.
// usage: warm MIB
#include "common.h"

int main(int argc, char **argv) {
    size_t huge = 2 * MIB, bytes = (argc == 2 ? strtoul(argv[1], NULL, 10) : 0) * MIB;
    char *p = must(mmap(NULL, bytes + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    p += huge - (uintptr_t)p % huge;
    madvise(p, bytes, MADV_HUGEPAGE); // without THP the touch below still warms what a program will get
    touch(p, bytes);
    return 0;
}
