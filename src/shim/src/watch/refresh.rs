//! What stays without mlock, where RLIMIT_MEMLOCK leaves no room for it: its pages are looked up now and then as if the
//! program had used them (MADV_POPULATE_READ marks each as accessed), so that the kernel takes others first, and what went
//! all the same comes back before the program wants it.
//!
//! What must hold here: no page is written, none is copied; it takes at most a fiftieth of a processor's time, and a fifth
//! of a disk's. It is worth
//! less than a lock: what is needed elsewhere goes all the same.

use super::table::{Slot, Watched};
use super::vitals::own_time;
use super::{act_on, thread};
use crate::populate::MADV_POPULATE_READ;
use crate::sys;

/// Bytes at a time: a call of the program that changes its mappings may wait for so many.
const PIECE: usize = 2 << 20;
/// Between two rounds (ns): while pages go, and while none does; and so many times the processor time that one takes, or
/// the time by the clock, in which it may keep a disk busy.
const SOON_NS: u64 = 50_000_000;
const LATE_NS: u64 = 400_000_000;
/// The same after a page that could not be had: the file has shrunk, or its disk is broken.
const RETRY_NS: u64 = 10_000_000_000;
const SHARE: u64 = 50;
const DISK_SHARE: u64 = 4;

/// When the next round is due.
#[derive(Clone, Copy)]
pub struct Refresh {
    serial: u32,
    due: u64,
    gap: u64,
}

impl Refresh {
    /// At once.
    pub const fn new() -> Refresh {
        Refresh { serial: 0, due: 0, gap: SOON_NS }
    }

    /// A round, if it is due. Returns after how many ns to come back.
    pub fn look(&mut self, slot: &Slot, watched: &Watched, serial: u32, now: u64) -> u64 {
        if self.serial != serial {
            *self = Refresh { serial, ..Refresh::new() };
        }
        if now < self.due {
            return self.due - now;
        }
        let faults = || sys::rusage(libc::RUSAGE_THREAD).map_or(0, |usage| usage.ru_minflt + usage.ru_majflt);
        let (before, began) = (faults(), own_time());
        let mut is_whole = true;
        for at in (watched.start..watched.end).step_by(PIECE) {
            let end = (at + PIECE).min(watched.end);
            // SAFETY: faults pages in for reading; content stays.
            let look_up = || unsafe { sys::madvise(at, end - at, MADV_POPULATE_READ) };
            match act_on(slot, watched, at, end, look_up) {
                Some(Ok(_)) if !thread::is_told_to_leave() => {}
                Some(Err(_)) => {
                    is_whole = false;
                    break;
                }
                _ => break,
            }
        }
        let ended = sys::ticks();
        self.gap = match is_whole {
            false => RETRY_NS,
            true if faults() > before => SOON_NS,
            true => (self.gap * 2).min(LATE_NS),
        };
        self.due = ended + self.gap.max((own_time() - began) * SHARE).max((ended - now) * DISK_SHARE);
        self.due - ended
    }
}
