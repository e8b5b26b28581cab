//! What is resident: the page tables of this process (PAGEMAP_SCAN, Linux 6.7; /proc/self/pagemap before), and the page
//! cache of a file (cachestat(2), Linux 6.5).
//!
//! What must hold here: reads only; what the kernel can't say is an error, never 0.

use core::ffi::c_int;

use super::{Errno, PAGE, call, ioctl, pread};

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

/// struct page_region: pages of the same kind, side by side.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PageRegion {
    /// first byte
    pub start: u64,
    /// exclusive end
    pub end: u64,
    categories: u64,
}

impl PageRegion {
    /// Room for one.
    pub const NONE: PageRegion = PageRegion { start: 0, end: 0, categories: 0 };

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// In memory, and more than the page of zeroes that all share.
    pub fn is_there(&self) -> bool {
        self.categories & (PAGE_IS_PRESENT | PAGE_IS_PFNZERO) == PAGE_IS_PRESENT
    }

    /// On a huge page.
    pub fn is_huge(&self) -> bool {
        self.categories & PAGE_IS_HUGE != 0
    }
}

const PAGEMAP_SCAN: usize = 0xc060_6610;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;
const PAGE_IS_HUGE: u64 = 1 << 6;

/// The present pages between two addresses, as far as `into` holds them: how many stretches, and where the next call goes
/// on. `fd` is /proc/self/pagemap.
pub fn present(fd: c_int, start: usize, end: usize, into: &mut [PageRegion]) -> Result<(usize, usize), Errno> {
    scan(fd, (start, end), PAGE_IS_PRESENT, PAGE_IS_PRESENT | PAGE_IS_HUGE, into)
}

/// The same of pages that are present or in swap.
pub fn populated(fd: c_int, start: usize, end: usize, into: &mut [PageRegion]) -> Result<(usize, usize), Errno> {
    let kinds = PAGE_IS_PRESENT | PAGE_IS_SWAPPED;
    scan(fd, (start, end), kinds, kinds | PAGE_IS_PFNZERO, into)
}

/// Pages of any of these kinds.
fn scan(
    fd: c_int,
    (start, end): (usize, usize),
    kinds: u64,
    told: u64,
    into: &mut [PageRegion],
) -> Result<(usize, usize), Errno> {
    let mut arg = ScanArg {
        size: size_of::<ScanArg>() as u64,
        flags: 0,
        start: start as u64,
        end: end as u64,
        walk_end: 0,
        vec: into.as_mut_ptr() as u64,
        vec_len: into.len() as u64,
        max_pages: 0,
        category_inverted: 0,
        category_mask: 0,
        category_anyof_mask: kinds,
        return_mask: told,
    };
    // SAFETY: the request takes this struct; `into` outlives the call.
    let count = unsafe { ioctl(fd, PAGEMAP_SCAN, &mut arg) }?;
    Ok((count, arg.walk_end as usize))
}

/// The same for one page each, from kernels that lack the call: bit 63 of each word of /proc/self/pagemap says "present".
/// Fills `into` from `start` on; returns how many pages it says something of.
pub fn words(fd: c_int, start: usize, into: &mut [u64]) -> Result<usize, Errno> {
    // SAFETY: any bytes are a valid u64, and a u8 has no alignment to keep.
    let bytes = unsafe { core::slice::from_raw_parts_mut(into.as_mut_ptr().cast::<u8>(), size_of_val(into)) };
    Ok(pread(fd, bytes, (start / PAGE * 8) as u64)? / 8)
}

/// How many pages of a part of a file are in memory. Only for who owns the file or may write to it (EPERM, since 6.14).
pub fn cached_pages(fd: c_int, offset: u64, bytes: u64) -> Result<u64, Errno> {
    const SYS_CACHESTAT: libc::c_long = 451;
    let range = [offset, bytes];
    // in memory, dirty, being written, evicted, evicted not long ago
    let mut found = [0u64; 5];
    let args = [fd as usize, range.as_ptr() as usize, found.as_mut_ptr() as usize, 0];
    // SAFETY: the kernel reads two words and writes five.
    unsafe { call(SYS_CACHESTAT, args) }?;
    Ok(found[0])
}
