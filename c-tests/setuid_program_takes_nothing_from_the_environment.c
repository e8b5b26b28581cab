// Under AT_SECURE the environment is another user's: no policy, no page and no report come of it, also where the library gets
// into such a program (by dlopen here, as the loader ignores LD_PRELOAD).
// policy: observe
// cflags: -ldl
// pages: may be missing
#include "test.h"
#include <dlfcn.h>
#include <sys/auxv.h>
#include <sys/stat.h>

static int lies_there(const char *name) {
    struct stat st;
    return lstat(name, &st) == 0;
}

static void copy_of_ourselves(const char *to) {
    int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
    static char buffer[1 << 16];
    ssize_t n;
    while ((n = read(in, buffer, sizeof buffer)) > 0) CHECK(write(out, buffer, (size_t)n) == n);
    CHECK(n == 0 && close(in) == 0 && close(out) == 0);
}

static int run(const char *program, const char *library, uid_t user) {
    pid_t pid = fork();
    if (pid == 0) {
        unsetenv("LD_PRELOAD");
        if (user && (setgid(user) != 0 || setuid(user) != 0)) _exit(77);
        execl(program, program, library, user ? "secure" : "plain", (char *)NULL);
        _exit(76);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

int main(int argc, char **argv) {
    if (argc > 2) {
        if ((getauxval(AT_SECURE) != 0) != (strcmp(argv[2], "secure") == 0)) return 77; // a file system mounted nosuid
        return argv[1][0] == 0 || dlopen(argv[1], RTLD_NOW) ? 0 : 75;
    }
    if (geteuid() != 0) SKIP("only root can make a setuid program and become another user");
    const char *preload = getenv("LD_PRELOAD");
    const char *library = under_shim() ? preload : "";
    char here[4000], text[5000];
    CHECK(getcwd(here, sizeof here) != NULL && chmod(".", 0777) == 0);
    copy_of_ourselves("plain"), copy_of_ourselves("secure");
    CHECK(chmod("secure", 04755) == 0);
    snprintf(text, sizeof text, "text=%s/report", here);
    CHECK(setenv("FAULTLESS_REPORT", text, 1) == 0);
    snprintf(text, sizeof text, "%s/pages", here);
    CHECK(setenv("FAULTLESS_PAGES", text, 1) == 0 && setenv("FAULTLESS_POLICY", "no such policy", 1) == 0);
    int status = run("./secure", library, 12345);
    if (status == 77) SKIP("setuid has no effect here");
    CHECK(status == 0 && !lies_there("report") && !lies_there("pages"));
    // The same program without it shows that the variables are heard.
    CHECK(setenv("FAULTLESS_POLICY", "observe", 1) == 0 && run("./plain", library, 0) == 0);
    CHECK(lies_there("report") == under_shim() && lies_there("pages") == under_shim());
    return 0;
}
