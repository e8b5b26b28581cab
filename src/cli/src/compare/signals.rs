//! Signals while children run: those that end us, and SIGCHLD, fetched one by one.
//!
//! What must hold here: no handler runs and no thread is needed, so that nothing of ours runs beside what is
//! measured; what was ignored at the start (nohup) stays ignored; children start with what we were given.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::time::Duration;

use crate::blocked::Blocked;

/// What ends a comparison.
const ENDING: [i32; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM];

/// What came first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// a child may have ended
    Child,
    /// one of those that end us
    Ending(i32),
    /// neither, in time
    Timeout,
}

/// The signals, blocked.
pub struct Signals(Blocked);

impl Signals {
    /// Blocks those that are not ignored.
    ///
    /// # Errors
    /// None that a working kernel would give.
    pub fn block() -> io::Result<Signals> {
        let is_ignored = |signal: &i32| {
            let mut action = MaybeUninit::<libc::sigaction>::zeroed();
            // SAFETY: a null action only asks; all zeroes is a valid sigaction.
            let (asked, action) =
                unsafe { (libc::sigaction(*signal, ptr::null(), action.as_mut_ptr()), action.assume_init()) };
            asked != 0 || action.sa_sigaction == libc::SIG_IGN
        };
        let heeded: Vec<i32> = ENDING.into_iter().filter(|signal| !is_ignored(signal)).collect();
        Blocked::block(&heeded).map(Signals)
    }

    /// Waits for the next; without a limit, for ever.
    pub fn next(&self, limit: Option<Duration>) -> Event {
        let limit = limit.map(|limit| libc::timespec {
            tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(limit.subsec_nanos()),
        });
        loop {
            let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
            // SAFETY: the set is initialised; nobody asks for the details; the limit is null or a timespec.
            match unsafe { libc::sigtimedwait(&self.0.set, ptr::null_mut(), limit) } {
                -1 if io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
                -1 => return Event::Timeout,
                libc::SIGCHLD => return Event::Child,
                signal => return Event::Ending(signal),
            }
        }
    }

    /// Puts everything back. Async-signal-safe, since a child calls it before it becomes the program.
    pub fn restore(&self) {
        self.0.restore();
    }
}
