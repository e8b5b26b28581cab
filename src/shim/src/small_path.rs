//! What the small path of malloc and free looks at, and nothing else.
//!
//! What must hold here: read on every call of every thread, written a few times in a process's life, so all of it may
//! share a cache line.

use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

use crate::early;

/// Requests of at least so many bytes take the slow path. usize::MAX until a policy says otherwise.
pub static BOUND: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Pointers in OURS_LOW .. OURS_LOW + OURS_LEN may be ours: the range spans the arenas of `early` and the pool, and
/// whatever lies between them. Starts as the arena in .bss.
pub static OURS_LOW: AtomicPtr<u8> = AtomicPtr::new((&raw const early::ARENA).cast_mut().cast());
/// See [`OURS_LOW`].
pub static OURS_LEN: AtomicUsize = AtomicUsize::new(early::FIRST);

/// Widens the range to hold `start .. start + len`. A reader between the two stores sees a range that is too large, which
/// costs it a look and nothing else.
pub fn widen(start: usize, len: usize) {
    let low = OURS_LOW.load(Relaxed) as usize;
    let high = low.wrapping_add(OURS_LEN.load(Relaxed)).max(start + len);
    let new_low = low.min(start);
    OURS_LEN.fetch_max(high - new_low, SeqCst);
    if new_low < low {
        OURS_LOW.store(new_low as *mut u8, SeqCst);
    }
}
