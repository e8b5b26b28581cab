//! What is known of a mapping, piece by piece: how often what was sampled of it turned out to be in use, and what we hold
//! locked of it.
//!
//! What must hold here: pieces begin at multiples of their size, so that the 64 KiB which one look of the program brings
//! (fault-around) lie in one piece; the array is memory of ours, mapped when the first sample is due, not before.

use core::ptr::NonNull;

use super::super::table::Watched;
use crate::sys::{self, PAGE, Vma};

/// What one look of the program at a page that is in memory maps: the unit that is sampled.
pub const BLOCK: usize = 64 << 10;
/// Most pieces of a mapping.
const MOST: usize = 4096;

/// Chosen to be locked.
pub const WANTED: u8 = 1;
/// Locked by us.
pub const LOCKED: u8 = 2;
/// Something of it was present when that was last looked for.
pub const WAS_THERE: u8 = 4;
/// It was, and then it was not.
pub const HAS_GONE: u8 = 8;
/// It is, in the look that is being taken.
pub const IS_THERE: u8 = 16;
/// It was locked, and is not, to see whether it stays.
pub const ON_TRIAL: u8 = 32;
/// A block of it was taken out of the page tables, and has not been looked for since.
pub const IS_OUT: u8 = 64;

/// What is known of a piece.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Piece {
    /// 255: every sample of late was in use; 0: none was
    pub heat: u8,
    /// samples, up to 255; counted from [`Piece::KNOWN`] on anew when it is chosen
    pub tries: u8,
    /// [`WANTED`] and its like
    pub flags: u8,
}

impl Piece {
    /// Samples from which on its heat says something.
    pub const KNOWN: u8 = 3;

    /// Takes a sample in.
    pub fn sampled(&mut self, is_used: bool) {
        self.tries = self.tries.saturating_add(1);
        self.heat = if is_used { self.heat + (255 - self.heat).div_ceil(3) } else { self.heat - self.heat.div_ceil(3) };
    }

    /// Has it had that many.
    pub fn is_known(&self) -> bool {
        self.tries >= Self::KNOWN
    }

    /// Chosen, and not locked yet.
    pub fn is_to_be_locked(&self) -> bool {
        self.flags & (WANTED | LOCKED) == WANTED
    }

    /// Has this flag.
    pub fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A mapping in pieces.
pub struct Picture {
    serial: u32,
    array: Option<NonNull<Piece>>,
    count: usize,
    start: usize,
    end: usize,
    size: usize,
    /// what the kernel's map said when it was first looked at
    pub origin: Option<Vma>,
    /// it has been looked at
    pub is_begun: bool,
    /// nothing can be known of it
    pub is_blind: bool,
    /// of anonymous memory
    pub is_anonymous: bool,
    /// bytes that are present and not locked by us, as far as that is known
    pub present: u64,
    /// bytes of the pieces that are [`LOCKED`]
    pub locked: u64,
}

impl Picture {
    /// Of nothing.
    pub const fn empty() -> Picture {
        Picture {
            serial: 0,
            array: None,
            count: 0,
            start: 0,
            end: 0,
            size: BLOCK,
            origin: None,
            is_begun: false,
            is_blind: false,
            is_anonymous: false,
            present: 0,
            locked: 0,
        }
    }

    /// Another mapping may be in the slot by now. True: it is another, and nothing is known of it.
    pub fn sit(&mut self, serial: u32, watched: &Watched) -> bool {
        if self.serial == serial {
            return false;
        }
        let bytes = watched.end - watched.start;
        let size = bytes.div_ceil(MOST - 1).next_power_of_two().max(BLOCK);
        let count = watched.end.div_ceil(size) - watched.start / size;
        if count == self.count {
            self.pieces().fill(Piece { heat: 0, tries: 0, flags: 0 }); // the next of its like
        } else {
            self.clear();
        }
        let array = self.array;
        let (start, end) = (watched.start, watched.end);
        let is_anonymous = watched.is_anonymous();
        *self = Picture { serial, array, count, start, end, size, is_anonymous, ..Picture::empty() };
        true
    }

    /// Makes room for what is to be known of the pieces. True: it is new.
    pub fn begin(&mut self) -> bool {
        if self.array.is_some() || self.is_blind || self.count == 0 {
            return false;
        }
        // Zeroes are valid pieces.
        self.array = sys::map_apart(bytes_for(self.count)).ok().and_then(|at| NonNull::new(at as *mut Piece));
        self.is_blind = self.array.is_none();
        true
    }

    /// Whether there is a mapping in the slot.
    pub fn is_seated(&self) -> bool {
        self.count != 0
    }

    /// Is of the mapping that the slot had under this serial.
    pub fn is_of(&self, serial: u32) -> bool {
        self.serial == serial
    }

    /// What was known is forgotten.
    pub fn clear(&mut self) {
        if let Some(array) = self.array {
            // SAFETY: our own mapping, to which nobody has a reference.
            let _ = unsafe { sys::munmap(array.as_ptr() as usize, bytes_for(self.count)) };
        }
        self.abandon();
    }

    /// The same, without giving anything back: in a forked child.
    pub fn abandon(&mut self) {
        *self = Picture::empty();
    }

    /// All of them.
    pub fn pieces(&mut self) -> &mut [Piece] {
        match self.array {
            // SAFETY: mapped with room for `count`, and borrowed as `self` is.
            Some(array) => unsafe { core::slice::from_raw_parts_mut(array.as_ptr(), self.count) },
            None => &mut [],
        }
    }

    /// Bytes of the mapping.
    pub fn bytes(&self) -> u64 {
        (self.end - self.start) as u64
    }

    /// Bytes of a piece.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        if self.array.is_some() { self.count } else { 0 }
    }

    /// First byte, and exclusive end, of it all.
    pub fn bounds(&self) -> (usize, usize) {
        (self.start, self.end)
    }

    /// The pieces of which something lies in a stretch of it, as indexes.
    pub fn touched(&self, from: usize, to: usize) -> core::ops::Range<usize> {
        let first = self.start / self.size;
        (from / self.size).saturating_sub(first)..to.div_ceil(self.size).saturating_sub(first).min(self.count())
    }

    /// First byte, and exclusive end, of a piece.
    pub fn range(&self, index: usize) -> (usize, usize) {
        let at = (self.start / self.size + index) * self.size;
        (at.max(self.start), (at + self.size).min(self.end))
    }

    /// Where the pieces end, as an index, that are to be locked from this one on, without a gap; at most so many bytes, or one.
    pub fn end_of_run(&mut self, index: usize, most: usize) -> usize {
        let most = (most / self.size).max(1);
        let rest = self.pieces().iter().skip(index).take(most);
        index + rest.take_while(|piece| piece.is_to_be_locked()).count().max(1)
    }

    /// The block of a piece that a draw falls on.
    pub fn block(&self, index: usize, draw: u64) -> (usize, usize) {
        let (from, to) = self.range(index);
        let first = from / BLOCK;
        let blocks = to.div_ceil(BLOCK) - first;
        let at = (first + (draw % blocks.max(1) as u64) as usize) * BLOCK;
        (at.max(from), (at + BLOCK).min(to))
    }

    /// Whether it is of what lies at this address.
    pub fn is_at(&self, start: usize, end: usize) -> bool {
        self.count() != 0 && start <= self.start && self.start < end
    }

    /// The pieces of which half or more lies in a stretch, as indexes.
    pub fn mostly_within(&self, from: usize, to: usize) -> core::ops::Range<usize> {
        let nearest = |at: usize| (at + self.size / 2) / self.size;
        let (first, last) = (self.start / self.size, self.start / self.size + self.count());
        let (low, high) = (nearest(from).clamp(first, last), nearest(to).clamp(first, last));
        let low = if from <= self.start { first } else { low };
        let high = if to >= self.end { last } else { high };
        low - first..high - first
    }

    /// The pieces that lie wholly in a stretch, as indexes.
    pub fn within(&self, from: usize, to: usize) -> core::ops::Range<usize> {
        let first = self.start / self.size;
        let low = from.max(self.start).div_ceil(self.size).max(first);
        let low = if from <= self.start { first } else { low };
        let high = if to >= self.end { first + self.count } else { to / self.size };
        low.saturating_sub(first)..high.saturating_sub(first).max(low.saturating_sub(first)).min(self.count)
    }
}

fn bytes_for(count: usize) -> usize {
    (count * size_of::<Piece>()).next_multiple_of(PAGE)
}
