//! A file in chunks of 2 MiB: which of them stay whatever happens, and what of each is in memory.
//!
//! What must hold here: the array is memory of ours, resident only as far as the file is; asking the kernel costs few calls
//! for 64 chunks of which nothing is in memory.

use core::ptr::NonNull;

use faultless_core::reason::Reason;

use crate::descriptors::{CHUNK, Loan, Opened};
use crate::opened::what_is_there;
use crate::sys::{self, Errno, PAGE};

/// Chunks that one call asks about first.
const SPAN: usize = 64;

/// What is known of a chunk.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Chunk {
    /// pages in memory at the last count
    pub pages: u16,
    /// pages that came since the window began
    pub fresh: u16,
    /// in so many counts, one after the other, half of it or more was there
    pub age: u8,
    /// some of it was in memory when the file was opened
    pub stays: bool,
    /// among the newest that were read
    pub is_new: bool,
    /// how many had been dropped when this one was; 0: never
    pub dropped: u32,
}

/// The chunks of a file.
pub struct Chunks {
    array: NonNull<Chunk>,
    count: usize,
}

fn bytes_for(count: usize) -> usize {
    (count * size_of::<Chunk>()).next_multiple_of(PAGE)
}

impl Chunks {
    /// For a file; what is in memory stays, as it was when the file was opened, as far as that is known, else as it is now.
    /// Returns whether all of it stays, too.
    pub fn of_file(file: &Loan<'_>, opened: &Opened) -> Result<(Chunks, bool), Reason> {
        let Some(mut chunks) = Chunks::new(opened.size) else { return Err(Reason::TableFull) };
        let mut all_stay = true;
        let cached = |at, len| file.cached_pages(at, len);
        for (number, span) in chunks.all().chunks_mut(SPAN).enumerate() {
            let known = if number == 0 { u64::from(opened.known) } else { 0 };
            let first = (number * SPAN) as u64 + known;
            let Ok(rest) = what_is_there(opened.size, first, SPAN as u64 - known, cached) else {
                chunks.unmap();
                return Err(Reason::Unknown);
            };
            let there = if known == 0 { rest } else { opened.there | rest.checked_shl(known as u32).unwrap_or(0) };
            all_stay &= there.count_ones() as usize >= span.len();
            if there != 0 {
                span.iter_mut().enumerate().for_each(|(bit, chunk)| chunk.stays = there >> bit & 1 == 1);
            }
        }
        Ok((chunks, all_stay))
    }

    fn new(size: u64) -> Option<Chunks> {
        let count = usize::try_from(size.div_ceil(CHUNK)).ok()?;
        let at = sys::map_apart(bytes_for(count)).ok()?; // zeroes are a valid Chunk
        Some(Chunks { array: NonNull::new(at as *mut Chunk)?, count })
    }

    /// Lets the array go.
    pub fn unmap(self) {
        // SAFETY: our own mapping, to which nobody has a reference.
        let _ = unsafe { sys::munmap(self.array.as_ptr() as usize, bytes_for(self.count)) };
    }

    /// All of them.
    pub fn all(&mut self) -> &mut [Chunk] {
        // SAFETY: mapped with room for `count`, and borrowed as `self` is.
        unsafe { core::slice::from_raw_parts_mut(self.array.as_ptr(), self.count) }
    }

    /// One of them.
    pub fn get(&mut self, index: u64) -> Option<&mut Chunk> {
        self.all().get_mut(index as usize)
    }

    /// Counts anew; `each` sees every chunk that holds something, with its number. Returns how many pages came.
    pub fn count(&mut self, file: &Loan<'_>, mut each: impl FnMut(u64, &mut Chunk)) -> Result<u64, Errno> {
        let mut came = 0;
        for (number, span) in self.all().chunks_mut(SPAN).enumerate() {
            let first = (number * SPAN) as u64;
            if file.cached_pages(first * CHUNK, SPAN as u64 * CHUNK)? == 0 {
                span.iter_mut().filter(|chunk| chunk.pages != 0).for_each(|chunk| (chunk.pages, chunk.age) = (0, 0));
                continue;
            }
            for (index, chunk) in span.iter_mut().enumerate() {
                let at = first + index as u64;
                let pages = file.cached_pages(at * CHUNK, CHUNK)? as u16;
                let more = pages.saturating_sub(chunk.pages);
                came += u64::from(more);
                chunk.fresh = chunk.fresh.saturating_add(more);
                chunk.pages = pages;
                let is_whole = u64::from(pages) * PAGE as u64 * 2 >= CHUNK;
                chunk.age = if is_whole { chunk.age.saturating_add(1) } else { 0 };
                if pages != 0 {
                    each(at, chunk);
                }
            }
        }
        Ok(came)
    }

    /// A window ends: pages that came to chunks of which a quarter or more came in it.
    pub fn dense_pages(&mut self) -> u64 {
        let came = self.all().iter_mut().filter(|chunk| chunk.fresh != 0);
        let fresh = came.map(|chunk| u64::from(core::mem::take(&mut chunk.fresh)));
        fresh.filter(|fresh| fresh * PAGE as u64 * 4 >= CHUNK).sum()
    }
}
