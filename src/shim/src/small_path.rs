//! What the small path of malloc and free looks at, and nothing else; and where in the address space what is ours lies.
//!
//! What must hold here: read on every call of every thread, written a few times in a process's life, so all of it may
//! share a cache line. The arenas of `early` and the pool lie side by side, where nobody else's memory does: a free of
//! anything else must not take the slow path, and thread heaps lie beside the libraries.

use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicUsize, Ordering::*};

use once_cell::race::OnceNonZeroUsize;

use crate::arch;
use crate::sys::HUGE;

/// Requests of at least so many bytes take the slow path. usize::MAX until a policy says otherwise.
pub static BOUND: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Pointers in OURS_LOW .. OURS_LOW + OURS_LEN may be ours. Empty until something is.
pub static OURS_LOW: AtomicUsize = AtomicUsize::new(0);
/// See [`OURS_LOW`].
pub static OURS_LEN: AtomicUsize = AtomicUsize::new(0);

/// Address space for the arenas of `early`, in bytes.
pub const EARLY: usize = 1 << 36;
/// Address space for blocks, in bytes; it begins where the other ends.
pub const POOL: usize = 1 << 40;

/// Where the arenas of `early` begin; the pool is [`EARLY`] above. Drawn once, from the kernel's random bytes.
pub fn ours() -> usize {
    static PLACE: OnceNonZeroUsize = OnceNonZeroUsize::new();
    let draw = || {
        // SAFETY: AT_RANDOM points at 16 bytes, given by the kernel at exec.
        let bytes = unsafe { (libc::getauxval(libc::AT_RANDOM) as *const [u64; 2]).as_ref() };
        let random = bytes.map_or(0, |[a, b]| (a ^ b) as usize);
        let span = (arch::POOL_HIGHEST - arch::POOL_LOWEST - EARLY - POOL) / HUGE;
        NonZeroUsize::MIN.saturating_add(arch::POOL_LOWEST + random % span * HUGE - 1)
    };
    PLACE.get_or_init(draw).get()
}

/// The range above is ours from here on.
pub fn claim() {
    if OURS_LEN.load(Acquire) < EARLY + POOL {
        let _ = OURS_LOW.compare_exchange(0, ours(), SeqCst, Relaxed);
        OURS_LEN.fetch_max(EARLY + POOL, SeqCst);
    }
}

/// Widens the range to hold `start .. start + len`, where the kernel chose the place. A reader between the two stores sees
/// a range that is too large, which costs it a look and nothing else.
pub fn widen(start: usize, len: usize) {
    claim();
    let low = OURS_LOW.load(Relaxed);
    let high = low.wrapping_add(OURS_LEN.load(Relaxed)).max(start + len);
    let new_low = low.min(start);
    OURS_LEN.fetch_max(high - new_low, SeqCst);
    if new_low < low {
        OURS_LOW.store(new_low, SeqCst);
    }
}
