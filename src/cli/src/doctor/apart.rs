//! Tries a call in a child process, where it may do no harm: a seccomp filter may kill who calls.
//!
//! What must hold here: the child leaves by `_exit`, without a core file and without anything of ours run twice;
//! what it does to its own memory, limits and flags ends with it.

use std::io;

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tried {
    /// it worked
    Works,
    /// the kernel refused, with this errno
    Refused(i32),
    /// this signal killed who called
    Killed(i32),
    /// there can be no child to try it in
    NoChild,
}

/// Runs `call` in a child. `call` gives an errno from 1 to 254.
pub fn tried(call: impl FnOnce() -> Result<(), i32>) -> Tried {
    // SAFETY: this command has one thread, so that the child may do all that the parent may; it leaves by _exit.
    match unsafe { libc::fork() } {
        -1 => Tried::NoChild,
        0 => {
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: `none` is a valid limit, of this child alone.
            unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
            let status = call().err().unwrap_or(0);
            // SAFETY: ends this child.
            unsafe { libc::_exit(status) }
        }
        child => wait(child),
    }
}

fn wait(child: libc::pid_t) -> Tried {
    let mut status = 0;
    loop {
        // SAFETY: `status` is writable, `child` is ours and not yet waited for.
        if unsafe { libc::waitpid(child, &mut status, 0) } == child {
            break;
        }
        if errno() != libc::EINTR {
            return Tried::NoChild;
        }
    }
    match (libc::WIFEXITED(status), libc::WEXITSTATUS(status)) {
        (true, 0) => Tried::Works,
        (true, errno) => Tried::Refused(errno),
        (false, _) => Tried::Killed(libc::WTERMSIG(status)),
    }
}

/// The errno of the last call of this thread.
pub fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// What a call returned, with its errno where it is an error.
pub fn check(returned: impl Into<i64>) -> Result<i64, i32> {
    let returned = returned.into();
    if returned == -1 { Err(errno()) } else { Ok(returned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_kills_is_told_from_one_that_is_refused() {
        // SAFETY: raises a signal in the child alone.
        let killed = tried(|| check(unsafe { libc::raise(libc::SIGSYS) }).map(|_| ()));
        assert_eq!(killed, Tried::Killed(libc::SIGSYS));
        assert_eq!(tried(|| Err(libc::EPERM)), Tried::Refused(libc::EPERM));
        assert_eq!(tried(|| Ok(())), Tried::Works);
    }
}
