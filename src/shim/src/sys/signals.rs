//! The system calls for signals: to hold them off for a moment, and to write without raising one.
//!
//! What must hold here: the mask comes back as it was; no signal of the program's is lost, and none of ours arrives.

use core::ffi::c_int;

use super::{Errno, call, write};

/// Blocks all signals for the calling thread; the mask of before. An error, which only a filter can bring about, leaves them
/// as they are.
pub fn block_signals() -> Result<u64, Errno> {
    let (all, mut before) = (u64::MAX, 0u64);
    // SAFETY: the kernel reads one word and writes one.
    unsafe {
        call(
            libc::SYS_rt_sigprocmask,
            [libc::SIG_SETMASK as usize, &raw const all as usize, &raw mut before as usize, 8],
        )
    }?;
    Ok(before)
}

/// Puts a signal mask back.
pub fn restore_signals(mask: u64) {
    // SAFETY: the kernel reads one word.
    let _ = unsafe { call(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as usize, &raw const mask as usize, 0, 8]) };
}

/// Writes to a descriptor that may be a pipe of somebody's: never waits, and never leaves a SIGPIPE. Whole, or an errno.
pub fn write_quietly(fd: c_int, from: &[u8]) -> Result<(), Errno> {
    /// What a pipe that says POLLOUT takes without waiting.
    const PIPE_BUF: usize = 4096;
    const SIGPIPE_SET: u64 = 1 << (libc::SIGPIPE - 1);
    let mask = block_signals()?;
    let was_pending = pending_signals() & SIGPIPE_SET != 0;
    let mut result = Ok(());
    for piece in from.chunks(PIPE_BUF) {
        result = match is_writable(fd) {
            false => Err(libc::EAGAIN),
            true => match write(fd, piece) {
                Ok(n) if n == piece.len() => Ok(()),
                Ok(_) => Err(libc::EAGAIN),
                Err(errno) => Err(errno),
            },
        };
        if result.is_err() {
            break;
        }
    }
    if result == Err(libc::EPIPE) && !was_pending {
        let (set, none) = (SIGPIPE_SET, [0u64; 2]);
        // SAFETY: takes the signal that our write has raised, without waiting.
        let _ = unsafe { call(libc::SYS_rt_sigtimedwait, [&raw const set as usize, 0, &raw const none as usize, 8]) };
        if pending_signals() & SIGPIPE_SET != 0 {
            discard(libc::SIGPIPE); // that was not to be had, and the program must not die of what we wrote
        }
    }
    restore_signals(mask);
    result
}

/// Takes a pending signal away as sigaction(2) does it: by being ignored for a moment.
fn discard(signal: c_int) {
    /// The kernel's struct sigaction: handler, flags, restorer, mask.
    type Action = [usize; 4];
    let (ignored, mut before): (Action, Action) = ([libc::SIG_IGN, 0, 0, 0], [0; 4]);
    let set = |to: usize, from: usize| {
        // SAFETY: the kernel reads one struct and writes one; what was there comes back.
        unsafe { call(libc::SYS_rt_sigaction, [signal as usize, to, from, 8]) }
    };
    if set(&raw const ignored as usize, &raw mut before as usize).is_ok() {
        let _ = set(&raw const before as usize, 0);
    }
}

/// Whether this code may run in a signal handler of the program's: one is set, or was for one time only.
pub fn may_be_in_a_handler() -> bool {
    const OF_THE_C_LIBRARY: [usize; 2] = [32, 33];
    (1..=64).filter(|signal| !OF_THE_C_LIBRARY.contains(signal)).any(|signal: usize| {
        let mut action = [0usize; 4]; // handler, flags, restorer, mask
        // SAFETY: the kernel writes one struct.
        let asked = unsafe { call(libc::SYS_rt_sigaction, [signal, 0, &raw mut action as usize, 8]) };
        let [handler, flags, ..] = action;
        asked.is_err() || handler > libc::SIG_IGN || flags & libc::SA_RESETHAND as usize != 0
    })
}

fn pending_signals() -> u64 {
    let mut pending = 0u64;
    // SAFETY: the kernel writes one word.
    let _ = unsafe { call(libc::SYS_rt_sigpending, [&raw mut pending as usize, 8]) };
    pending
}

/// poll(2) without waiting.
fn is_writable(fd: c_int) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    let none = [0u64; 2];
    // SAFETY: one pollfd, which the kernel writes.
    let ready = unsafe { call(libc::SYS_ppoll, [&raw mut poll as usize, 1, &raw const none as usize, 0, 8]) };
    ready == Ok(1) && poll.revents & libc::POLLOUT != 0 && poll.revents & (libc::POLLERR | libc::POLLNVAL) == 0
}
