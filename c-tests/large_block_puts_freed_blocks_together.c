// A large block makes glibc put together what freed small blocks have left, wherever the large one comes from: programs
// count on the memory, and on damage being found there.
// cflags: -Wno-deprecated-declarations
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    char *blocks[20], *large[3];
    size_t sizes[] = {256 << 10, 4 << 20, 4 << 20};
    int kept[3], left[3];
    for (int round = 0; round < 3; round++) {
        // seven of a size go to the thread's cache, the others to a list of their own
        for (int i = 0; i < 20; i++) blocks[i] = malloc(32);
        for (int i = 0; i < 20; i++) free(blocks[i]);
        kept[round] = mallinfo().smblks;
        large[round] = malloc(sizes[round]);
        left[round] = mallinfo().smblks;
        large[round][0] = 1;
        // the third is then the second one again, where it is kept
        if (round == 1) free(large[round]);
    }
    for (int round = 0; round < 3; round++) printf("%s, then %d\n", kept[round] > 0 ? "some" : "none", left[round]);
    return 0;
}
