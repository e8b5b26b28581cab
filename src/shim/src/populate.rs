//! Prefaulting: pages arrive before the program touches them.
//!
//! What must hold here: anonymous and shared memory is populated for writing, files and what may not be written for reading
//! only, so that nothing is copied or dirtied; in pieces, with the clock and the `off` word looked at between them; what a kernel before 5.14
//! lacks is done by readahead (files) or by touching what the program cannot yet know (memory fresh from mmap).

use faultless_core::reason::Reason;

use crate::crew::team;
use crate::live::Live;
use crate::sys::{self, Errno};
use crate::target::{Range, Target};

/// The kernel cuts one readahead to its window without a word, so ask in pieces.
const READAHEAD: usize = 2 << 20;
/// How many of these pieces are asked for ahead of the one that is waited for.
const IN_FLIGHT: usize = 8;

/// Linux 5.14.
pub const MADV_POPULATE_READ: i32 = 22;
/// Linux 5.14.
pub const MADV_POPULATE_WRITE: i32 = 23;

/// How pages of anonymous memory are made to arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// MADV_POPULATE_WRITE
    Advise,
    /// touched, where the kernel lacks that
    Touch,
}

/// What came of it.
pub struct Populated {
    /// bytes that are resident now; but for an errno, from the range's start
    pub bytes: u64,
    /// why not all, or in another way
    pub reason: Reason,
    /// the kernel's word on the piece that failed, or 0
    pub errno: Errno,
}

/// Populates a range of a region.
pub fn run(live: &Live<'_>, target: &Target, range: Range) -> Populated {
    let deadline = live.deadline();
    if target.file.is_some() || !target.writable {
        return for_reading(live, range, deadline);
    }
    if sys::takes_advice(range.start, MADV_POPULATE_WRITE) {
        return team::populate(live, range, deadline, Way::Advise);
    }
    let touched = team::populate(live, range, deadline, Way::Touch);
    let reason = if touched.reason == Reason::Done { Reason::Fallback } else { touched.reason };
    Populated { reason, ..touched }
}

fn for_reading(live: &Live<'_>, range: Range, deadline: u64) -> Populated {
    let mut result = Populated { bytes: 0, reason: Reason::Done, errno: 0 };
    let mut asked = range.start;
    let mut at = range.start;
    while at < range.end() {
        let len = READAHEAD.min(range.end() - at);
        let ahead = at.saturating_add(IN_FLIGHT * READAHEAD).min(range.end());
        while asked < ahead {
            let piece = READAHEAD.min(range.end() - asked);
            // SAFETY: readahead only.
            let _ = unsafe { sys::madvise(asked, piece, libc::MADV_WILLNEED) };
            asked += piece;
        }
        // SAFETY: faults pages in for reading, as the program's own read would.
        match unsafe { sys::madvise(at, len, MADV_POPULATE_READ) } {
            Ok(_) => {}
            Err(libc::EINVAL | libc::ENOSYS | libc::EPERM)
                if result.bytes == 0 || result.reason == Reason::Fallback =>
            {
                result.reason = Reason::Fallback;
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
