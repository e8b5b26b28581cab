// system and popen run shells, whose output and status arrive.
#include "test.h"

int main(void) {
    CHECK(system("exit 3") == 3 << 8);
    CHECK(system(NULL) != 0);
    for (int i = 0; i < 5; i++) {
        char line[64] = "";
        FILE *f = popen("echo from the shell", "r");
        CHECK(f != NULL && fgets(line, sizeof line, f) && strcmp(line, "from the shell\n") == 0 && pclose(f) == 0);
    }
    return 0;
}
