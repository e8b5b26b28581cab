// A forked child goes on with its parent's heap, on huge pages of its own, while its parent does the same.
// policy: heap:huge
// policy: throughput
// policy: latency
// serial: memory
#include "test.h"
#include "heap_blocks.h"

int main(void) {
    struct blocks before = blocks_of(MIB(20), 1000);
    pid_t pid = fork();
    size_t had = all_of("AnonHugePages");
    struct blocks after = blocks_of(MIB(48), 1000);
    if (policy_has("heap:huge") && thp_on()) CHECK(all_of("AnonHugePages") >= had + MIB(40));
    blocks_gone(after);
    blocks_gone(before);
    if (pid != 0) ends_well(pid);
    return 0;
}
