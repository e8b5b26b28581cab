//! Signals that are blocked while children run, so that whoever waits fetches them one by one.
//!
//! What must hold here: no handler runs and none is lost; children start with what we were given.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Some signals and SIGCHLD, blocked, and what was there before.
pub struct Blocked {
    /// what is waited for
    pub set: libc::sigset_t,
    mask_before: libc::sigset_t,
    chld_before: libc::sigaction,
}

impl Blocked {
    /// Blocks them.
    ///
    /// # Errors
    /// None that a working kernel would give.
    pub fn block(signals: &[i32]) -> io::Result<Blocked> {
        let mut set = MaybeUninit::uninit();
        let mut mask_before = MaybeUninit::uninit();
        let mut chld_before = MaybeUninit::uninit();
        // SAFETY: sigemptyset fills the set before anything else reads it; sigaction and sigprocmask fill the
        // other two; all zeroes is a valid sigaction (SIG_DFL, no flags).
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in signals.iter().chain([&libc::SIGCHLD]) {
                libc::sigaddset(set.as_mut_ptr(), *signal);
            }
            // With SIGCHLD ignored, as some service managers leave it, no child could be waited for.
            let default: libc::sigaction = MaybeUninit::zeroed().assume_init();
            if libc::sigaction(libc::SIGCHLD, &default, chld_before.as_mut_ptr()) != 0
                || libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), mask_before.as_mut_ptr()) != 0
            {
                return Err(io::Error::last_os_error());
            }
            Ok(Blocked {
                set: set.assume_init(),
                mask_before: mask_before.assume_init(),
                chld_before: chld_before.assume_init(),
            })
        }
    }

    /// Puts everything back. Async-signal-safe, since a child calls it before it becomes the program.
    pub fn restore(&self) {
        // SAFETY: both were filled by the kernel in `block`.
        unsafe {
            libc::sigaction(libc::SIGCHLD, &self.chld_before, ptr::null_mut());
            libc::sigprocmask(libc::SIG_SETMASK, &self.mask_before, ptr::null_mut());
        }
    }
}
