//! A mapping in blocks of 2 MiB of its file: how much of each is present, and what has come since the last look. Not less:
//! page cache comes in folios of up to 2 MiB, and to page a part of one out splits it, which takes long and often fails.
//!
//! What must hold here: the array is memory of ours, mapped when the mapping is first watched and unmapped when it no
//! longer is; a mapping too large for one block each has its blocks spread evenly, and each stands for its stride.

use core::ptr::NonNull;

use super::pagemap::Pagemap;
use crate::sys::{self, PAGE};

/// Bytes of a block.
pub const BLOCK: usize = 2 << 20;
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
    /// pages that `lock=hot` has taken out of the page tables, or brings in: when they come, that is no news
    pub lent: u16,
}

/// The blocks of a mapping.
pub struct Blocks {
    array: NonNull<Block>,
    count: usize,
    /// where the first block begins: not above the mapping's start, but where its file has a boundary of blocks
    origin: usize,
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
    /// For a mapping of a file from `offset` on; nothing is known of any block.
    pub fn new(start: usize, end: usize, offset: u64) -> Option<Blocks> {
        let origin = start.checked_sub(offset as usize % BLOCK)?;
        let stride = (end - origin).div_ceil(MOST).next_multiple_of(BLOCK).max(BLOCK);
        let count = (end - origin).div_ceil(stride);
        let at = sys::map_apart(bytes_for(count)).ok()?; // zeroes are a valid Block
        Some(Blocks { array: NonNull::new(at as *mut Block)?, count, origin, start, end, stride })
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

    /// So many pages about an address have been taken out of the page tables, or are brought in, by ourselves.
    pub fn lend(&mut self, at: usize, pages: u32) {
        if at < self.start || at >= self.end {
            return;
        }
        let index = (at - self.origin) / self.stride;
        if let Some(block) = self.all().get_mut(index) {
            block.lent = (u32::from(block.lent) + pages).min(BLOCK_PAGES) as u16;
        }
    }

    /// Whether so many pages of one block have come since the window began.
    pub fn any_fresh(&mut self, least: u64) -> bool {
        self.all().iter().any(|block| u64::from(block.fresh) >= least && !block.is_kept)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// First byte, and exclusive end, of what a block stands for.
    pub fn range(&self, index: usize) -> (usize, usize) {
        let from = self.origin + index * self.stride;
        (from.max(self.start), (from + self.stride).min(self.end))
    }

    /// Says of each block whether some of it is in memory already, mapped or not (mincore(2): who may not know is told
    /// "all of it", and then all of it is kept).
    pub fn note_what_is_there(&mut self) {
        for index in 0..self.count {
            let (from, to) = self.range(index);
            let mut there = [1u8; BLOCK / PAGE];
            let Some(block) = self.all().get_mut(index) else { break };
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

    /// Bytes of its file that are in memory, mapped or not (mincore(2); who may not know is told "all of it"). None: there
    /// is too much of it to ask.
    pub fn bytes_in_memory(&self) -> Option<u64> {
        if self.stride != BLOCK {
            return None;
        }
        let pages = (0..self.count).map(|index| {
            let (from, to) = self.range(index);
            let mut there = [0u8; BLOCK / PAGE];
            let there = there.get_mut(..(to - from) / PAGE).unwrap_or(&mut []);
            let _ = sys::mincore(from, there);
            there.iter().filter(|page| **page & 1 == 1).count()
        });
        Some((pages.sum::<usize>() * PAGE) as u64)
    }

    /// The blocks around those that a scan has brought lately: where more is to be expected.
    pub fn around_the_front(&mut self, look: u32) -> (usize, usize) {
        const BEHIND: usize = 16;
        const AHEAD: usize = 64;
        const LATELY: u32 = 32;
        let is_recent = |block: &Block| block.seen != 0 && look.wrapping_sub(block.seen) < LATELY;
        let count = self.count;
        let blocks = self.all();
        match (blocks.iter().position(is_recent), blocks.iter().rposition(is_recent)) {
            (Some(first), Some(last)) => (first.saturating_sub(BEHIND), (last + AHEAD).min(count)),
            _ => (0, count),
        }
    }

    /// Counts the blocks from `first` to `last` (exclusive) anew. `look` numbers the looks; `room` is how many blocks
    /// memory would hold; `dropped` counts the blocks dropped so far. None: the page tables can't be read.
    pub fn count(
        &mut self,
        pagemap: &Pagemap,
        (first, last): (usize, usize),
        look: u32,
        room: u32,
        dropped: u32,
    ) -> Option<Found> {
        let (stride, is_gapless) = (self.stride, self.stride == BLOCK);
        let base = self.origin + first * stride;
        let (start, end) = (self.range(first).0, self.range(last.saturating_sub(1)).1);
        let mut found = Found::default();
        let blocks = self.all();
        let mut close = |index: usize, pages: u16| {
            let Some(block) = blocks.get_mut(index) else { return };
            let back = pages.saturating_sub(block.present).min(block.lent);
            block.lent -= back;
            let came = pages.saturating_sub(block.present) - back;
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
        if !is_gapless {
            for index in first..last {
                let from = base + (index - first) * stride;
                let bytes = pagemap.bytes(from.max(start), (from + BLOCK).min(end))?;
                close(index, (bytes / PAGE) as u16);
            }
            return Some(found);
        }
        // One walk: the stretches come in order, so that a block is complete when one beyond it comes.
        let (mut index, mut pages) = (first, 0u16);
        let is_whole = pagemap.present(start, end, |mut from, to| {
            while from < to {
                let at = first + (from - base) / BLOCK;
                while index < at {
                    close(index, pages);
                    (index, pages) = (index + 1, 0);
                }
                let until = to.min(base + (at - first + 1) * BLOCK);
                pages += ((until - from) / PAGE) as u16;
                from = until;
            }
        });
        while is_whole && index < last {
            close(index, pages);
            (index, pages) = (index + 1, 0);
        }
        is_whole.then_some(found)
    }
}

fn bytes_for(count: usize) -> usize {
    (count * size_of::<Block>()).next_multiple_of(PAGE)
}
