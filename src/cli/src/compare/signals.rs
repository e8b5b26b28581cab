//! Signals while children run: those that end us, and SIGCHLD, fetched one by one.
//!
//! What must hold here: no handler runs and no thread is needed, so that nothing of ours runs beside what is
//! measured; what was ignored at the start (nohup) stays ignored; children start with what we were given.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::time::Duration;

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

/// The signals, blocked, and what was there before.
pub struct Signals {
    set: libc::sigset_t,
    mask_before: libc::sigset_t,
    chld_before: libc::sigaction,
}

impl Signals {
    /// Blocks them.
    ///
    /// # Errors
    /// None that a working kernel would give.
    pub fn block() -> io::Result<Signals> {
        let mut set = MaybeUninit::uninit();
        let mut mask_before = MaybeUninit::uninit();
        let mut chld_before = MaybeUninit::uninit();
        // SAFETY: sigemptyset fills the set before anything reads it, sigprocmask and sigaction fill the others; all
        // zeroes is a valid sigaction (SIG_DFL, no flags); a null action only asks.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
            for signal in ENDING {
                let mut action = MaybeUninit::<libc::sigaction>::zeroed();
                let asked = libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
                if asked == 0 && action.assume_init_ref().sa_sigaction != libc::SIG_IGN {
                    libc::sigaddset(set.as_mut_ptr(), signal);
                }
            }
            // With SIGCHLD ignored, as some service managers leave it, no child could be waited for.
            let default: libc::sigaction = MaybeUninit::zeroed().assume_init();
            if libc::sigaction(libc::SIGCHLD, &default, chld_before.as_mut_ptr()) != 0
                || libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), mask_before.as_mut_ptr()) != 0
            {
                return Err(io::Error::last_os_error());
            }
            Ok(Signals {
                set: set.assume_init(),
                mask_before: mask_before.assume_init(),
                chld_before: chld_before.assume_init(),
            })
        }
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
            match unsafe { libc::sigtimedwait(&self.set, ptr::null_mut(), limit) } {
                -1 if io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
                -1 => return Event::Timeout,
                libc::SIGCHLD => return Event::Child,
                signal => return Event::Ending(signal),
            }
        }
    }

    /// Puts everything back. Async-signal-safe, since a child calls it before it becomes the program.
    pub fn restore(&self) {
        // SAFETY: both were filled in by the kernel.
        unsafe {
            libc::sigaction(libc::SIGCHLD, &self.chld_before, ptr::null_mut());
            libc::sigprocmask(libc::SIG_SETMASK, &self.mask_before, ptr::null_mut());
        }
    }
}
