//! How much of a range is on huge pages, as the kernel shows it.
//!
//! What must hold here: reads only; where the kernel can't say (before PAGEMAP_SCAN of Linux 6.7, without /proc, under
//! a seccomp filter) the answer is None, never 0. Samples taken while the program waits cost at most a hundredth of its
//! time.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{limits, sys};

/// Bytes in a range.
#[derive(Clone, Copy)]
pub struct Seen {
    /// on huge pages
    pub huge: u64,
    /// resident
    pub present: u64,
}

/// struct pm_scan_arg of linux/fs.h.
#[repr(C)]
struct ScanArg {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// struct page_region.
#[repr(C)]
#[derive(Clone, Copy)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

const PAGEMAP_SCAN: usize = 0xc060_6610;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_HUGE: u64 = 1 << 6;
/// Ranges with this many alternations are given up: unknown.
const MAX_CALLS: usize = 512;

/// Walks the range's page tables.
pub fn sample(start: usize, end: usize) -> Option<Seen> {
    if limits::seccomp_at_start() {
        return None;
    }
    let fd = sys::open(c"/proc/self/pagemap", libc::O_RDONLY, 0).ok()?;
    let mut seen = Seen { huge: 0, present: 0 };
    let mut vec = [PageRegion { start: 0, end: 0, categories: 0 }; 16];
    let mut at = start as u64;
    let mut whole = false;
    for _ in 0..MAX_CALLS {
        let mut arg = ScanArg {
            size: size_of::<ScanArg>() as u64,
            flags: 0,
            start: at,
            end: end as u64,
            walk_end: 0,
            vec: vec.as_mut_ptr() as u64,
            vec_len: vec.len() as u64,
            max_pages: 0,
            category_inverted: 0,
            category_mask: PAGE_IS_PRESENT,
            category_anyof_mask: 0,
            return_mask: PAGE_IS_PRESENT | PAGE_IS_HUGE,
        };
        // SAFETY: the request takes this struct; `vec` outlives the call.
        let Ok(count) = (unsafe { sys::ioctl(fd, PAGEMAP_SCAN, &mut arg) }) else { break };
        for region in vec.iter().take(count) {
            let bytes = region.end - region.start;
            seen.present += bytes;
            if region.categories & PAGE_IS_HUGE != 0 {
                seen.huge += bytes;
            }
        }
        at = arg.walk_end;
        if at >= end as u64 {
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
