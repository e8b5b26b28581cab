//! The signals that end this command: noted, so that it can say what was done so far.
//!
//! What must hold here: no handler runs; what was ignored at the start (nohup, a shell's background) stays ignored;
//! a second signal kills, should the first one find us in a read that never returns.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

const ENDING: [i32; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM];

/// Whether a signal has come.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<AtomicI32>);

impl Interrupt {
    /// Starts to watch. Threads that this one starts afterwards leave the signals to us; this one is woken when it is
    /// parked.
    ///
    /// # Errors
    /// There can be no thread.
    pub fn watch() -> io::Result<Interrupt> {
        let set = block();
        let interrupt = Interrupt::default();
        let (noted, main) = (interrupt.clone(), thread::current());
        thread::Builder::new().name("signals".into()).spawn(move || {
            let mut signal = 0;
            // SAFETY: both arguments are valid; the set is blocked in this thread, which inherited it.
            while unsafe { libc::sigwait(&set, &mut signal) } != 0 {}
            noted.0.store(signal, Ordering::Release);
            main.unpark();
            // SAFETY: a valid set; from now on the signals do what they do by default.
            unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, ptr::null_mut()) };
            loop {
                thread::park();
            }
        })?;
        Ok(interrupt)
    }

    /// The signal that came.
    pub fn signal(&self) -> Option<i32> {
        Some(self.0.load(Ordering::Acquire)).filter(|signal| *signal != 0)
    }

    /// Sleeps until one comes.
    pub fn wait(&self) {
        while self.signal().is_none() {
            thread::park();
        }
    }
}

/// Blocks what ends us and was not ignored: a blocked signal would be queued although it is ignored.
fn block() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset fills the set in; the others are given it and valid signals; a null action only asks.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        let mut set = set.assume_init();
        for signal in ENDING {
            let mut action = MaybeUninit::<libc::sigaction>::zeroed();
            let asked = libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
            if asked == 0 && action.assume_init_ref().sa_sigaction != libc::SIG_IGN {
                libc::sigaddset(&mut set, signal);
            }
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut());
        set
    }
}
