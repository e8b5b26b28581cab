//! Prefaulting: pages arrive before the program touches them.
//!
//! What must hold here: anonymous and shared memory is populated for writing, files for reading only, so that nothing is
//! copied or dirtied; in chunks, with the clock and the `off` word looked at between them; what a kernel before 5.14
//! lacks is done by readahead (files) or by touching what the program cannot yet know (memory fresh from mmap).

use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use faultless_core::reason::Reason;

use crate::live::Live;
use crate::sys::{self, Errno, PAGE};
use crate::target::{Range, Target};

/// Bytes between two looks at the clock: 10 ms of zeroing at the slowest.
const CHUNK: usize = 32 << 20;
/// The kernel cuts one readahead to its window without a word, so ask in pieces.
const READAHEAD: usize = 2 << 20;
/// How many of these pieces are asked for ahead of the one that is waited for.
const IN_FLIGHT: usize = 8;

const MADV_POPULATE_READ: i32 = 22;
const MADV_POPULATE_WRITE: i32 = 23;

/// What came of it.
pub struct Populated {
    /// bytes from the range's start that are resident now
    pub bytes: u64,
    /// why not all, or in another way
    pub reason: Reason,
    /// the kernel's word on the chunk that failed, or 0
    pub errno: Errno,
}

/// Populates a range of a region.
pub fn run(live: &Live<'_>, target: &Target, range: Range) -> Populated {
    let deadline = live.deadline();
    let (advice, chunk) = match target.file {
        Some(_) => (MADV_POPULATE_READ, READAHEAD),
        None => (MADV_POPULATE_WRITE, CHUNK),
    };
    let mut result = Populated { bytes: 0, reason: Reason::Done, errno: 0 };
    let mut asked = range.start;
    let mut at = range.start;
    while at < range.end() {
        let len = chunk.min(range.end() - at);
        if target.file.is_some() {
            let ahead = at.saturating_add(IN_FLIGHT * READAHEAD).min(range.end());
            while asked < ahead {
                let piece = READAHEAD.min(range.end() - asked);
                // SAFETY: readahead only.
                let _ = unsafe { sys::madvise(asked, piece, libc::MADV_WILLNEED) };
                asked += piece;
            }
        }
        // SAFETY: faults pages in as the program's own touch would; content stays.
        match unsafe { sys::madvise(at, len, advice) } {
            Ok(_) => {}
            Err(libc::EINVAL | libc::ENOSYS | libc::EPERM)
                if result.bytes == 0 || result.reason == Reason::Fallback =>
            {
                result.reason = Reason::Fallback;
                if target.file.is_none() {
                    touch(at, len);
                }
            }
            Err(errno) => {
                (result.reason, result.errno) = (Reason::Errno, errno);
                return result;
            }
        }
        at += len;
        result.bytes += len as u64;
        if at < range.end() {
            if live.is_off() {
                result.reason = Reason::Told;
                return result;
            }
            if sys::now(libc::CLOCK_MONOTONIC) > deadline {
                result.reason = Reason::Time;
                return result;
            }
        }
    }
    result
}

/// Touches every page with an atomic that changes nothing.
fn touch(start: usize, len: usize) {
    for page in (start..start + len).step_by(PAGE) {
        // SAFETY: writable memory that the caller has just mapped for the program; adding 0 keeps whatever is there.
        unsafe { (*(page as *const AtomicU8)).fetch_add(0, Relaxed) };
    }
}
