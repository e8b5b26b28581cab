//! How much of a range is on huge pages, as the kernel shows it.
//!
//! What must hold here: reads only; where the kernel can't say (before PAGEMAP_SCAN of Linux 6.7, without /proc, under
//! a seccomp filter) the answer is None, never 0. Samples taken while the program waits cost at most a hundredth of its
//! time.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::limits;
use crate::sys::{self, Kinds, PageRegion};

/// Bytes in a range.
#[derive(Clone, Copy)]
pub struct Seen {
    /// on huge pages
    pub huge: u64,
    /// resident
    pub present: u64,
}

/// Ranges with this many alternations are given up: unknown.
const MAX_CALLS: usize = 512;

/// Walks the range's page tables.
pub fn sample(start: usize, end: usize) -> Option<Seen> {
    if limits::seccomp_at_start() {
        return None;
    }
    let fd = sys::open(c"/proc/self/pagemap", libc::O_RDONLY, 0).ok()?;
    let mut seen = Seen { huge: 0, present: 0 };
    let mut vec = [PageRegion::NONE; 16];
    let mut at = start;
    let mut whole = false;
    for _ in 0..MAX_CALLS {
        let Ok((count, next)) = sys::page_regions(fd, at, end, Kinds::Present, &mut vec) else { break };
        for region in vec.iter().take(count) {
            seen.present += region.len();
            if region.is_huge() {
                seen.huge += region.len();
            }
        }
        at = next;
        if at >= end {
            whole = true;
            break;
        }
    }
    sys::close(fd);
    whole.then_some(seen)
}

/// [`sample`], unless the last one was so long ago, and took so long, that another would cost more than a hundredth of
/// the time between.
pub fn sample_bounded(start: usize, end: usize) -> Option<Seen> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let before = sys::now(libc::CLOCK_MONOTONIC);
    if before < NEXT.load(Relaxed) {
        return None;
    }
    let seen = sample(start, end);
    let after = sys::now(libc::CLOCK_MONOTONIC);
    NEXT.store(after + (after - before) * 100, Relaxed);
    seen
}
