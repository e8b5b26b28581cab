//! A mapping in blocks of 1 MiB: how much of each is present, and what has come since the last look.
//!
//! What must hold here: the array is memory of ours, mapped when the mapping is first watched and unmapped when it no
//! longer is; a mapping too large for one block each has its blocks spread evenly, and each stands for its stride.

use core::ptr::NonNull;

use super::pagemap::Pagemap;
use crate::sys::{self, PAGE};

/// Bytes of a block.
pub const BLOCK: usize = 1 << 20;
/// Pages of a block.
pub const BLOCK_PAGES: u32 = (BLOCK / PAGE) as u32;
/// Most blocks of a mapping.
const MOST: usize = 4096;

/// What is known of a block.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Block {
    /// pages present at the last look
    pub present: u16,
    /// pages that came since the window began
    pub fresh: u16,
    /// the look at which some came last
    pub seen: u32,
    /// how many blocks had been dropped when this one was; 0: never
    pub dropped: u32,
    /// a scan has brought it
    pub is_scanned: bool,
    /// some of it was in memory before the mapping was: it stays
    pub is_kept: bool,
}

/// The blocks of a mapping.
pub struct Blocks {
    array: NonNull<Block>,
    count: usize,
    start: usize,
    end: usize,
    stride: usize,
}

/// What one look found.
#[derive(Clone, Copy, Default)]
pub struct Found {
    /// pages that came since the last look
    pub pages: u64,
    /// of these, in blocks that had been dropped while there would have been room for them
    pub regretted: u64,
}

impl Blocks {
    /// For a mapping; nothing is known of any block.
    pub fn new(start: usize, end: usize) -> Option<Blocks> {
        let stride = (end - start).div_ceil(MOST).next_multiple_of(BLOCK).max(BLOCK);
        let count = (end - start).div_ceil(stride);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh mapping; zeroes are a valid Block.
        let at = unsafe { sys::mmap(0, bytes_for(count), libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) }.ok()?;
        Some(Blocks { array: NonNull::new(at as *mut Block)?, count, start, end, stride })
    }

    /// Lets the array go.
    pub fn unmap(&mut self) {
        // SAFETY: our own mapping, to which nobody has a reference.
        let _ = unsafe { sys::munmap(self.array.as_ptr() as usize, bytes_for(self.count)) };
        self.count = 0;
    }

    /// All of them.
    pub fn all(&mut self) -> &mut [Block] {
        // SAFETY: mapped with room for `count`, and borrowed as `self` is.
        unsafe { core::slice::from_raw_parts_mut(self.array.as_ptr(), self.count) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// First byte, and exclusive end, of what a block stands for.
    pub fn range(&self, index: usize) -> (usize, usize) {
        let from = self.start + index * self.stride;
        (from, (from + self.stride).min(self.end))
    }

    /// Says of each block whether some of it is in memory already, mapped or not (mincore(2): who may not know is told
    /// "all of it", and then all of it is kept).
    pub fn note_what_is_there(&mut self) {
        let (start, end, stride) = (self.start, self.end, self.stride);
        for (index, block) in self.all().iter_mut().enumerate() {
            let from = start + index * stride;
            let mut there = [1u8; BLOCK / PAGE];
            let to = (from + stride).min(end);
            for at in (from..to).step_by(BLOCK) {
                let pages = (to - at).min(BLOCK) / PAGE;
                if let Some(there) = there.get_mut(..pages) {
                    let is_known = sys::mincore(at, there).is_ok();
                    block.is_kept |= !is_known || there.iter().any(|page| page & 1 == 1);
                }
                if block.is_kept {
                    break;
                }
            }
        }
    }

    /// Counts anew. `look` numbers the looks; `room` is how many blocks memory would hold; `dropped` counts the blocks
    /// dropped so far. None: the page tables can't be read.
    pub fn count(&mut self, pagemap: &Pagemap, look: u32, room: u32, dropped: u32) -> Option<Found> {
        let (start, end, stride) = (self.start, self.end, self.stride);
        let blocks = self.all();
        let mut found = Found::default();
        let mut close = |index: usize, pages: u16| {
            let Some(block) = blocks.get_mut(index) else { return };
            let came = pages.saturating_sub(block.present);
            block.present = pages;
            if came == 0 {
                return;
            }
            block.fresh = block.fresh.saturating_add(came);
            block.seen = look;
            found.pages += u64::from(came);
            if block.dropped != 0 {
                if dropped.wrapping_sub(block.dropped) < room {
                    found.regretted += u64::from(came);
                }
                block.dropped = 0;
            }
        };
        if stride == BLOCK {
            // One walk: the stretches come in order, so that a block is complete when one beyond it comes.
            let (mut index, mut pages) = (0, 0u16);
            let whole = pagemap.present(start, end, |mut from, to| {
                while from < to {
                    let at = (from - start) / BLOCK;
                    while index < at {
                        close(index, pages);
                        (index, pages) = (index + 1, 0);
                    }
                    let until = to.min(start + (at + 1) * BLOCK);
                    pages += ((until - from) / PAGE) as u16;
                    from = until;
                }
            });
            while whole && index * BLOCK < end - start {
                close(index, pages);
                (index, pages) = (index + 1, 0);
            }
            return whole.then_some(found);
        }
        for (index, from) in (start..end).step_by(stride).enumerate() {
            let bytes = pagemap.bytes(from, (from + BLOCK).min(end))?;
            close(index, (bytes / PAGE) as u16);
        }
        Some(found)
    }
}

fn bytes_for(count: usize) -> usize {
    (count * size_of::<Block>()).next_multiple_of(PAGE)
}
