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

    /// The page at an address, from its word in /proc/self/pagemap (bit 63: present, 62: in swap), if it is of one of these kinds.
    pub fn of_word(at: usize, word: u64, kinds: Kinds) -> Option<PageRegion> {
        let is = |bit: u32, kind: u64| if word >> bit & 1 == 1 { kind } else { 0 };
        let categories = (is(63, PAGE_IS_PRESENT) | is(62, PAGE_IS_SWAPPED)) & kinds.mask();
        (categories != 0).then_some(PageRegion { start: at as u64, end: (at + PAGE) as u64, categories })
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

/// Pages that are looked for.
#[derive(Clone, Copy)]
pub enum Kinds {
    /// in memory
    Present,
    /// in memory, or in swap
    PresentOrSwapped,
}

impl Kinds {
    fn mask(self) -> u64 {
        match self {
            Kinds::Present => PAGE_IS_PRESENT,
            Kinds::PresentOrSwapped => PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
        }
    }
}

/// The pages of these kinds between two addresses, as far as `into` holds them: how many stretches, and where the next call goes
/// on. `fd` is /proc/self/pagemap.
pub fn page_regions(
    fd: c_int,
    start: usize,
    end: usize,
    kinds: Kinds,
    into: &mut [PageRegion],
) -> Result<(usize, usize), Errno> {
    let told = match kinds {
        Kinds::Present => PAGE_IS_HUGE,
        Kinds::PresentOrSwapped => PAGE_IS_PFNZERO,
    };
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
        category_anyof_mask: kinds.mask(),
        return_mask: kinds.mask() | told,
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
