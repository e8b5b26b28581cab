//! Which pages of a mapping are present in this process's page tables.
//!
//! What must hold here: reads only; the descriptor is in the thread's own table.

use core::ffi::c_int;

use crate::sys::{self, Kinds, PAGE, PageRegion};

/// Stretches, or pages, that one call is asked for.
const STRETCHES: usize = 64;
const WORDS: usize = 256;

/// /proc/self/pagemap.
pub struct Pagemap {
    fd: Option<c_int>,
    /// Linux 6.7
    has_scan: core::cell::Cell<bool>,
}

impl Pagemap {
    /// Opened in the calling thread's table.
    pub fn open() -> Pagemap {
        // By way of the calling thread (Linux 3.17): the first thread of the program may have ended.
        let fd = sys::open(c"/proc/thread-self/pagemap", libc::O_RDONLY, 0)
            .or_else(|_| sys::open(c"/proc/self/pagemap", libc::O_RDONLY, 0))
            .ok();
        Pagemap { fd, has_scan: core::cell::Cell::new(true) }
    }

    /// Calls `each` with every stretch of present pages between two addresses. False: not all could be seen.
    pub fn present(&self, start: usize, end: usize, mut each: impl FnMut(usize, usize)) -> bool {
        self.walk(start, end, Kinds::Present, |region| each(region.start as usize, region.end as usize))
    }

    /// Bytes between two addresses that are in memory, and that are there or in swap: what was never touched, or given up, is
    /// neither. None: unknown.
    pub fn populated(&self, start: usize, end: usize) -> Option<(u64, u64)> {
        let (mut there, mut all) = (0, 0);
        let is_whole = self.walk(start, end, Kinds::PresentOrSwapped, |region| {
            there += if region.is_there() { region.len() } else { 0 };
            all += region.len();
        });
        is_whole.then_some((there, all))
    }

    /// Calls `each` with every stretch of such pages between two addresses. False: not all could be seen.
    fn walk(&self, start: usize, end: usize, kinds: Kinds, mut each: impl FnMut(&PageRegion)) -> bool {
        let Some(fd) = self.fd else { return false };
        let mut at = start;
        let mut found = [PageRegion::NONE; STRETCHES];
        while self.has_scan.get() && at < end {
            let Ok((count, next)) = sys::page_regions(fd, at, end, kinds, &mut found) else {
                self.has_scan.set(false);
                break;
            };
            found.iter().take(count).for_each(&mut each);
            if next <= at {
                return false;
            }
            at = next;
        }
        let mut words = [0u64; WORDS];
        while at < end {
            let wanted = ((end - at) / PAGE).min(WORDS);
            let Some(Ok(count @ 1..)) = words.get_mut(..wanted).map(|words| sys::words(fd, at, words)) else {
                return false;
            };
            for (index, word) in words.iter().take(count).enumerate() {
                PageRegion::of_word(at + index * PAGE, *word, kinds).iter().for_each(&mut each);
            }
            at += count * PAGE;
        }
        true
    }

    /// Whether anything can be seen here.
    pub fn can_see(&self) -> bool {
        self.fd.is_some()
    }

    /// Bytes present between two addresses. None: unknown.
    pub fn bytes(&self, start: usize, end: usize) -> Option<usize> {
        let mut sum = 0;
        self.present(start, end, |from, to| sum += to - from).then_some(sum)
    }
}
