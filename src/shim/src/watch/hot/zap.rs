//! The sampling of mappings of files that are shared: one block of a piece is taken out of the page tables, and a look
//! after a while says whether the program has brought it back.
//!
//! What must hold here: a zap keeps content only on a shared mapping of a file (what is dirty stays dirty in the page
//! cache), anywhere else it would destroy it. So it is done only under the firm handshake, by which hooks that unmap or
//! replace the range wait for it however long it takes; and the kernel's map is asked just before each zap, inside the
//! handshake, whether the block still is what it was when the mapping was first looked at: a program that changes its
//! mappings behind the hooks' back is found out there.

use core::ffi::c_int;

use faultless_core::counters::C;
use faultless_core::page::Outcome;
use faultless_core::reason::Reason;

use super::super::act_firmly_on;
use super::super::pagemap::Pagemap;
use super::super::table::{SHARED, Slot, Watched};
use super::super::thread;
use super::picture::{IS_OUT, LOCKED, Picture, WANTED};
use super::{Hot, Lend, Sight, locks, note, seated, tempo};
use crate::live::Live;
use crate::sys::{self, PAGE, Vma};
use crate::{identity, sys::Errno};

/// As MADV_DONTNEED, on locked memory too. Linux 5.18.
const MADV_DONTNEED_LOCKED: i32 = 24;

/// Pieces of what is locked that are sampled in a sweep, and the most that are spared for each.
const SAMPLES_OF_LOCKED: u64 = 24;
const MOST_SPARES: u64 = 16;

/// /proc/self/maps, in the thread's own descriptor table.
pub struct Maps(Option<c_int>);

impl Maps {
    /// Opened in the calling thread's table.
    pub fn open() -> Maps {
        Maps(sys::open(c"/proc/self/maps", libc::O_RDONLY, 0).ok())
    }

    fn at(&self, at: usize) -> Result<Vma, Errno> {
        self.0.map_or(Err(libc::EBADF), |fd| sys::vma_at(fd, at))
    }

    /// What a mapping is, if blocks of it may be zapped at all. It is asked under the handshake, so that it is what the hooks
    /// saw being mapped.
    pub fn origin(&self, slot: &Slot, watched: &Watched) -> Option<Vma> {
        // A raw clone's child would wait for ever for a thread that it doesn't have.
        if watched.wants & SHARED == 0 || watched.is_anonymous() || !identity::tells_children() {
            return None;
        }
        let ask = || self.at(watched.start).ok().filter(|vma| vma.is_shared && vma.file.0 != 0);
        let takes = sys::takes_advice(watched.start, MADV_DONTNEED_LOCKED);
        act_firmly_on(slot, watched, watched.start, watched.end, ask).flatten().filter(|_| takes)
    }
}

/// Takes a block out of the page tables. Returns how many of its pages were there; None: the mapping is another by now.
fn zap(
    maps: &Maps,
    pagemap: &Pagemap,
    slot: &Slot,
    watched: &Watched,
    origin: &Vma,
    (from, to): (usize, usize),
) -> Option<u32> {
    let there = pagemap.bytes(from, to)?;
    if there == 0 {
        return Some(0);
    }
    let is_same = |vma: &Vma| vma.is_shared && vma.file == origin.file && vma.to_offset == origin.to_offset;
    let zap = || {
        let mut at = from;
        // A lock that ends inside the block makes two stretches of it.
        while at < to {
            let vma = maps.at(at).ok().filter(is_same)?;
            at = vma.end;
        }
        tempo::hold_the_window_open();
        // SAFETY: a shared mapping of a file, and it stays one until this is done.
        unsafe { sys::madvise(from, to - from, MADV_DONTNEED_LOCKED) }.ok()
    };
    act_firmly_on(slot, watched, from, to, zap).flatten()?;
    Some((there / PAGE) as u32)
}

impl Hot {
    /// Takes a block of each piece of a batch out of the page tables.
    pub(super) fn send(&mut self, live: &Live<'_>, sight: &Sight<'_>, lend: &mut Lend<'_>) {
        let mut samples = 0;
        let spares = self.spares();
        for (picture, slot, watched) in seated(&mut self.pictures) {
            if !picture.is_begun {
                picture.is_begun = true;
                picture.origin = sight.maps.origin(slot, &watched);
                let why = if picture.origin.is_some() { Reason::HotByBlocks } else { Reason::HotByPresence };
                note(live, &watched, Outcome::Applied, why);
            }
            let Some(origin) = picture.origin else { continue };
            for index in (self.batch..picture.count()).step_by(self.batches) {
                let block = picture.block(index, draw(self.sweep, index));
                let is_spared = picture.is_spared(index, self.sweep, spares);
                let Some(piece) = picture.pieces().get_mut(index) else { break };
                if is_spared {
                    piece.flags &= !IS_OUT;
                    continue;
                }
                piece.flags |= IS_OUT;
                match zap(sight.maps, sight.pagemap, slot, &watched, &origin, block) {
                    Some(0) => {}
                    Some(pages) => lend(block.0, pages),
                    None => {
                        // Not what it was, unless it is just being changed: then it is another mapping at the next look.
                        // Still the same for the hooks: then the program goes behind their back, and what stays has to do.
                        picture.origin = None;
                        break;
                    }
                }
                samples += 1;
            }
        }
        live.page.add(C::HotSamples, samples);
    }

    /// Looks which of the blocks that are out are back.
    pub(super) fn see(&mut self, live: &Live<'_>, sight: &Sight<'_>, lend: &mut Lend<'_>) {
        let mut used = 0;
        for (picture, slot, watched) in seated(&mut self.pictures) {
            if picture.origin.is_none() {
                continue;
            }
            for index in (self.batch..picture.count()).step_by(self.batches) {
                let (from, to) = picture.block(index, draw(self.sweep, index));
                let Some(piece) = picture.pieces().get_mut(index) else { break };
                if !piece.is(IS_OUT) {
                    if piece.is(LOCKED) {
                        self.sampled = (self.sampled.0 + 1, self.sampled.1 + 1);
                    }
                    continue;
                }
                piece.flags &= !IS_OUT;
                let Some(bytes) = sight.pagemap.bytes(from, to) else { continue };
                piece.sampled(bytes > 0);
                self.tally.add(piece.is(WANTED), bytes > 0);
                self.sampled.0 += u32::from(bytes > 0);
                self.sampled.1 += 1;
                used += u64::from(bytes > 0);
                // What is out is not locked: it waits to be pushed out like anything else.
                if piece.is(LOCKED) && bytes < to - from && !thread::is_told_to_leave() {
                    lend(from, ((to - from - bytes) / PAGE) as u32);
                    locks::bring(slot, &watched, (from, to));
                }
            }
        }
        live.page.add(C::HotSamplesUsed, used);
    }

    /// Of what is locked, one piece in so many is sampled in a sweep while it is as hot as it was: enough to tell if it no longer
    /// is, because what is out for long may be pushed out meanwhile, and the program waits for the disk.
    fn spares(&self) -> u64 {
        if !self.is_sparing || tempo::IS_HURRIED {
            return 1;
        }
        let size =
            self.pictures.iter().filter(|picture| picture.count() > 0).map(Picture::size).max().unwrap_or(PAGE) as u64;
        (self.locked() / size / SAMPLES_OF_LOCKED).clamp(1, MOST_SPARES)
    }
}

impl Picture {
    /// Whether a piece is left alone in this sweep, because it is locked and it is not its turn.
    fn is_spared(&mut self, index: usize, sweep: u64, spares: u64) -> bool {
        let is_locked = self.pieces().get(index).is_some_and(|piece| piece.is(LOCKED));
        is_locked && !(index as u64 + sweep).is_multiple_of(spares)
    }
}

/// Which block of a piece is sampled in a sweep.
fn draw(sweep: u64, index: usize) -> u64 {
    (sweep.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (index as u64).wrapping_mul(0xd6e8_feb8_6659_fd93)) >> 33
}
