// What the C library itself allocates, grows and hands to the program (getline, asprintf, open_memstream, strdup,
// realpath, getcwd, scandir, reallocarray) can be large, and is the program's to free.
#include "test.h"
#include <dirent.h>
#include <limits.h>

int main(void) {
    size_t n = MIB(3), size = 0;
    char *big = malloc(n + 1), *line = NULL, *text = NULL, *copy;
    memset(big, 'x', n), big[n] = 0;
    FILE *f = fopen("line", "w+");
    CHECK(f && fputs(big, f) >= 0 && fseek(f, 0, SEEK_SET) == 0);
    CHECK(getline(&line, &size, f) == (ssize_t)n && strcmp(line, big) == 0 && fclose(f) == 0);
    CHECK(asprintf(&text, "%s%s", big, big) == (int)(2 * n));
    free(text);
    f = open_memstream(&text, &size);
    for (int i = 0; i < 5; i++) CHECK(f && fputs(big, f) >= 0);
    CHECK(fclose(f) == 0 && size == 5 * n && strlen(text) == size);
    copy = strdup(big);
    CHECK(copy && strcmp(copy, line) == 0);
    copy = reallocarray(copy, 2, n);
    CHECK(copy && memcmp(copy, big, n) == 0);
    free(copy), free(text), free(line), free(big);
    copy = realpath(".", NULL);
    text = getcwd(NULL, 0);
    CHECK(copy && text && strcmp(copy, text) == 0);
    free(copy), free(text);
    struct dirent **names;
    int count = scandir("/", &names, NULL, alphasort);
    CHECK(count > 2);
    while (count--) free(names[count]);
    free(names);
    static char buffer[MIB(1)];
    CHECK(setvbuf(stdout, buffer, _IOFBF, sizeof buffer) == 0 && printf("done\n") == 5);
    return 0;
}
