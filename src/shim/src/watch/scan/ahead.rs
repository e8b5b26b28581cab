//! Reading ahead of the program, at the disk's speed: a call waits where the disk's own queue is full, and nowhere else.
//!
//! What must hold here: pieces that the kernel does not silently cut; so much in one look that the thread's other work has
//! its turn; no read of ours, because who watches the file would see it (inotify(7)), and the time of its last reading would
//! change; what was granted is the most that is asked for.

use faultless_core::counters::C;

use crate::descriptors::{Loan, Opened, POPULATE};
use crate::live::Live;
use crate::sys;

/// Bytes that one call asks for: more may be cut to the readahead window.
const CALL: u64 = 128 << 10;
/// Bytes that one look asks for.
const LOOK: u64 = 16 << 20;
/// Between two looks (ns).
const GAP_NS: u64 = 500_000;

/// How far it has come.
pub struct Ahead {
    at: u64,
    end: u64,
}

impl Ahead {
    /// Nothing to do.
    pub const fn none() -> Ahead {
        Ahead { at: 0, end: 0 }
    }

    /// What the rule wants for the file.
    pub fn begin(opened: &Opened) -> Ahead {
        match opened.wants & POPULATE {
            0 => Ahead::none(),
            _ => Ahead { at: opened.ahead.0, end: opened.ahead.1 },
        }
    }

    /// Whether something is left.
    pub fn is_wanted(&self) -> bool {
        self.at < self.end
    }

    /// Asks for more. Returns when to go on, in ns.
    pub fn step(&mut self, live: &Live<'_>, file: &Loan<'_>) -> u64 {
        let end = self.end.min(self.at + LOOK);
        while self.at < end {
            let len = CALL.min(end - self.at);
            if file.call(|fd| sys::fadvise(fd, self.at, len, libc::POSIX_FADV_WILLNEED)).is_err() {
                if !file.is_lost() {
                    *self = Ahead::none();
                }
                break;
            }
            live.page.add(C::ReadAheadBytes, len);
            self.at += len;
        }
        GAP_NS
    }
}
