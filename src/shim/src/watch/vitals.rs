//! What the kernel says of the process and its memory as a whole: the cheap figures that tell whether a closer look is due.
//!
//! What must hold here: a look is one system call; what changes slowly is read once a second.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::pressure;
use crate::{limits, sys};

/// Major and minor faults, and blocks read, of threads of ours that have ended: the kernel goes on counting them as the process's.
static GONE: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// The calling thread, which is ours, ends.
pub fn leave() {
    let Some(own) = sys::rusage(libc::RUSAGE_THREAD) else { return };
    for (gone, own) in GONE.iter().zip([own.ru_majflt, own.ru_minflt, own.ru_inblock]) {
        gone.fetch_add(own as u64, Relaxed);
    }
}

/// In a forked child, for which the kernel begins to count anew.
pub fn start_in_child() {
    GONE.iter().for_each(|gone| gone.store(0, Relaxed));
}

/// What the process has done so far.
#[derive(Clone, Copy)]
pub struct Vitals {
    /// CLOCK_MONOTONIC in ns
    pub at: u64,
    /// major faults
    pub majors: u64,
    /// minor faults
    pub minors: u64,
    /// bytes read from disk
    pub read: u64,
}

impl Vitals {
    /// Of now; what the calling thread itself, and those of ours before it, have done is left out.
    pub fn take() -> Vitals {
        let (all, own) = (sys::rusage(libc::RUSAGE_SELF), sys::rusage(libc::RUSAGE_THREAD));
        let [majors, minors, blocks] = &GONE;
        let less_own = |of: fn(&libc::rusage) -> libc::c_long, gone: &AtomicU64| {
            let [all, own] = [&all, &own].map(|usage| usage.as_ref().map_or(0, |usage| of(usage) as u64));
            all.saturating_sub(own).saturating_sub(gone.load(Relaxed))
        };
        Vitals {
            at: sys::ticks(),
            majors: less_own(|usage| usage.ru_majflt, majors),
            minors: less_own(|usage| usage.ru_minflt, minors),
            read: less_own(|usage| usage.ru_inblock, blocks) * 512,
        }
    }
}

/// Processor time of the calling thread in ns: what its looks cost. By the clock, one that had to wait for a processor, or
/// for the disk, would seem dear, and the next ones come too late just when they are needed.
pub fn own_time() -> u64 {
    sys::now(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// What memory there is.
#[derive(Clone, Copy)]
pub struct Room {
    /// CLOCK_MONOTONIC in ns
    pub read_at: u64,
    /// bytes that files can take without anything but files making way
    pub files: u64,
    /// ns that it took to find out
    pub took: u64,
}

impl Room {
    /// Of now.
    pub fn read() -> Room {
        let began = sys::ticks();
        let files = limits::room_for_files();
        let read_at = sys::ticks();
        Room { read_at, files, took: read_at - began }
    }

    /// Whether files have next to none.
    pub fn is_tight_for_files(&self) -> bool {
        self.files < pressure::floor()
    }
}
