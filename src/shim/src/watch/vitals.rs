//! What the kernel says of the process and its memory as a whole: the cheap figures that tell whether a closer look is due.
//!
//! What must hold here: a look is one system call; what changes slowly is read once a second.

use crate::{limits, sys};

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
    /// Of now; what the calling thread itself has done is left out.
    pub fn take() -> Vitals {
        let (all, own) = (sys::rusage(libc::RUSAGE_SELF), sys::rusage(libc::RUSAGE_THREAD));
        let less_own = |of: fn(&libc::rusage) -> libc::c_long| {
            let [all, own] = [&all, &own].map(|usage| usage.as_ref().map_or(0, |usage| of(usage) as u64));
            all.saturating_sub(own)
        };
        Vitals {
            at: sys::ticks(),
            majors: less_own(|usage| usage.ru_majflt),
            minors: less_own(|usage| usage.ru_minflt),
            read: less_own(|usage| usage.ru_inblock) * 512,
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
}

impl Room {
    /// Of now.
    pub fn read() -> Room {
        Room { read_at: sys::ticks(), files: limits::room_for_files() }
    }
}
