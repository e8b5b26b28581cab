// Processes: children that look at their parent's blocks, and programs that are started.
//
// What must hold here: a child looks only at blocks that no other thread was changing at the fork: those of the thread
// that forked, and those that lay in a mailbox.
#include "model.h"
#include <spawn.h>

extern char **environ;

static const char *self;

void open_children(const char *path) { self = path; }

static char *leave_args[] = {"model", "leave", NULL};

static void expect_well(pid_t pid, const char *what) {
    int status = -1;
    REQUIRE(pid > 0, "%s fails with errno %d", what, errno);
    pid_t got;
    while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR) {}
    REQUIRE(got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: ends with %s %d", what,
            WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void look_at(struct block *b) {
    if (one_in(3)) check_block(b);
}

static void work_in_child(void) {
    struct block *mine[6];
    forget_others();
    for (int i = 0; i < SLOTS; i++) look_at(run->slots[i]);
    for (int i = 0; i < MAILBOXES; i++) look_at(mailboxes[i]);
    for (int i = 0; i < 6; i++) {
        mine[i] = new_record();
        allocate(mine[i]);
    }
    for (int i = 0; i < SLOTS; i++) {
        struct block *b = run->slots[i];
        if (!b->at || b->left != NOTHING) continue;
        if (one_in(4)) release(b);
        else if (one_in(6)) resize(b);
    }
    for (int i = 0; i < 6; i++) {
        check_block(mine[i]);
        if (one_in(2)) resize(mine[i]);
        if (one_in(2)) release(mine[i]);
    }
    for (int i = 0; i < SLOTS; i++) look_at(run->slots[i]);
}

void fork_and_look(void) {
    lock_blocks();
    pid_t pid = fork();
    unlock_blocks();
    if (pid == 0) {
        run->is_child = true;
        work_in_child();
        if (one_in(8)) fork_and_look();
        switch (below(4)) {
        case 0: exit(0);
        case 1: quick_exit(0);
        case 2:
            execv(self, leave_args);
            fail("execv fails with errno %d", errno);
        default: _exit(0);
        }
    }
    expect_well(pid, "a forked child");
}

void start_another(void) {
    pid_t pid;
    if (one_in(2)) {
        int error = posix_spawn(&pid, self, NULL, NULL, leave_args, environ);
        REQUIRE(error == 0, "posix_spawn gives %d", error);
    } else if ((pid = vfork()) == 0) {
        execv(self, leave_args);
        _exit(127);
    }
    expect_well(pid, "a program that was started");
}
