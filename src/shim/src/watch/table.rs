//! What is watched: the table that the hooks write and the thread reads.
//!
//! What must hold here: no lock: a slot is taken by one compare-and-swap, and each change gives it a new serial, by which
//! the thread sees that what it read no longer holds.

use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Ordering::*};
use crate::sys;
use crate::target::Target;

/// Mappings that can be watched at one time. Each costs up to 48 KiB.
pub const SLOTS: usize = 128;
/// `start` of a free slot, and of one that some thread is changing.
const FREE: usize = 0;
const TAKEN: usize = 1;

/// Advice that corrects itself.
pub const AUTO: u32 = 1;
/// What has been read is dropped.
pub const DROP_BEHIND: u32 = 2;
/// Wants that are about how it is read.
pub const ACCESS: u32 = AUTO | DROP_BEHIND;
/// What is there is touched now and then, so that it stays without mlock.
pub const REFRESH: u32 = 4;
/// The hot part of it is locked.
pub const HOT: u32 = 32;
/// It is locked: let go when memory gets tight.
pub const HELD: u32 = 64;
/// MAP_SHARED.
pub const SHARED: u32 = 8;
/// Nothing of the file was in memory when it was mapped.
pub const COLD: u32 = 16;
/// A System V segment: its lock comes and goes whole.
pub const WHOLE: u32 = 128;

/// It is memory that others may share (tmpfs, shared anonymous): what is missing is a hole that a read would fill.
pub const HOLES: u32 = 256;

/// A watched mapping, as plain values.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Watched {
    /// first byte
    pub start: usize,
    /// exclusive end
    pub end: usize,
    /// bytes in the file
    pub file_bytes: u64,
    /// where in the file `start` is
    pub offset: u64,
    /// tells one file from another; 0: of none
    pub identity: u64,
    /// on whose behalf
    pub rule: u8,
    /// [`AUTO`] and its like
    pub wants: u32,
}

impl Watched {
    /// It is of no file.
    pub fn is_anonymous(&self) -> bool {
        self.identity == 0
    }
}

/// A place in the table.
pub struct Slot {
    start: AtomicUsize,
    end: AtomicUsize,
    file_bytes: AtomicU64,
    offset: AtomicU64,
    identity: AtomicU64,
    rule_and_wants: AtomicU64,
    serial: AtomicU32,
    scan: AtomicU32,
    /// what an earlier life knew of it, for the thread to act on while somebody waits; 0: nothing, or it is done
    known: AtomicU32,
    /// who gives way to a range while another thread has the slot taken can't change it, and adds one here: then what
    /// is in it, and what that thread writes back, does not hold
    spoilt: AtomicU32,
    /// `spoilt` when the slot was filled: never brought up to date by who changes it, or he would make good what another
    /// has spoilt just before
    sound: AtomicU32,
}

/// What [`Slot::scan`] says: nothing is being dropped here; a scan is on; the program is about to end it, and waits; what
/// it left is dropped.
pub const NO_SCAN: u32 = 0;
pub const SCANNING: u32 = 1;
pub const CLOSING: u32 = 2;
pub const CLOSED: u32 = 3;

static TABLE: [Slot; SLOTS] = [const {
    Slot {
        start: AtomicUsize::new(FREE),
        end: AtomicUsize::new(0),
        file_bytes: AtomicU64::new(0),
        offset: AtomicU64::new(0),
        identity: AtomicU64::new(0),
        rule_and_wants: AtomicU64::new(0),
        serial: AtomicU32::new(0),
        scan: AtomicU32::new(NO_SCAN),
        known: AtomicU32::new(0),
        spoilt: AtomicU32::new(0),
        sound: AtomicU32::new(0),
    }
}; SLOTS];
/// Slots beyond this one were never used.
static USED: AtomicUsize = AtomicUsize::new(0);

impl Slot {
    fn write(&self, w: &Watched) {
        self.serial.fetch_add(1, SeqCst);
        self.scan.store(NO_SCAN, Relaxed);
        self.known.store(0, Relaxed);
        self.end.store(w.end, Relaxed);
        self.file_bytes.store(w.file_bytes, Relaxed);
        self.offset.store(w.offset, Relaxed);
        self.identity.store(w.identity, Relaxed);
        self.rule_and_wants.store(u64::from(w.rule) << 32 | u64::from(w.wants), Relaxed);
        self.start.store(if w.start < w.end { w.start } else { FREE }, SeqCst);
        if w.start < w.end && !self.is_sound() {
            let _ = self.start.compare_exchange(w.start, FREE, SeqCst, Relaxed);
        }
    }

    /// Whether nobody has given way to what is here while it was being changed.
    fn is_sound(&self) -> bool {
        self.spoilt.load(SeqCst) == self.sound.load(SeqCst)
    }

    /// Takes a free slot. From here on until it is written, others can only spoil it.
    fn hold_free(&self) -> bool {
        let spoilt = self.spoilt.load(SeqCst);
        let is_taken = self.start.compare_exchange(FREE, TAKEN, SeqCst, Relaxed).is_ok();
        if is_taken {
            self.sound.store(spoilt, SeqCst);
        }
        is_taken
    }

    fn load(&self, start: usize) -> Watched {
        let tag = self.rule_and_wants.load(Relaxed);
        Watched {
            start,
            end: self.end.load(Relaxed),
            file_bytes: self.file_bytes.load(Relaxed),
            offset: self.offset.load(Relaxed),
            identity: self.identity.load(Relaxed),
            rule: (tag >> 32) as u8,
            wants: tag as u32,
        }
    }

    /// What is watched here, and the slot's serial. None: nothing, or it is changing.
    pub fn read(&self) -> Option<(Watched, u32)> {
        let serial = self.serial.load(SeqCst);
        let start = self.start.load(SeqCst);
        let watched = self.load(start);
        let is_sound = self.is_sound();
        let is_whole =
            start > TAKEN && self.serial.load(SeqCst) == serial && self.start.load(SeqCst) == start && is_sound;
        is_whole.then_some((watched, serial))
    }

    /// Whether what was read here still holds.
    pub fn is_still(&self, watched: &Watched) -> bool {
        self.read().is_some_and(|(now, _)| now == *watched)
    }

    /// How a scan of it stands.
    pub fn scan(&self) -> &AtomicU32 {
        &self.scan
    }

    /// What is known of it from before: see [`super::warm`].
    pub fn known(&self) -> &AtomicU32 {
        &self.known
    }

    /// Whether it overlaps the range.
    pub fn overlaps(&self, start: usize, end: usize) -> bool {
        let at = self.start.load(SeqCst);
        at > TAKEN && at < end && self.end.load(Relaxed) > start
    }

    /// Takes the slot if it overlaps the range; the caller must `write` it back.
    fn take(&self, start: usize, end: usize) -> Option<Watched> {
        loop {
            let at = self.start.load(SeqCst);
            if at == TAKEN {
                self.spoilt.fetch_add(1, SeqCst);
                if self.start.load(SeqCst) == TAKEN {
                    return None; // nobody looks at what is written there
                }
                continue;
            }
            if at != FREE && !self.is_sound() {
                let _ = self.start.compare_exchange(at, FREE, SeqCst, Relaxed);
                continue;
            }
            if at == FREE || at >= end || self.end.load(SeqCst) <= start {
                return None;
            }
            // From here on until it is written, others can only spoil it.
            if self.start.compare_exchange(at, TAKEN, SeqCst, Relaxed).is_err() {
                continue;
            }
            let watched = self.load(at);
            if watched.end > start {
                return Some(watched);
            }
            self.write(&watched); // it was exchanged for another between the two looks
            return None;
        }
    }
}

/// The slots that were ever used.
pub fn slots() -> &'static [Slot] {
    TABLE.get(..USED.load(SeqCst).min(SLOTS)).unwrap_or(&TABLE)
}

/// Adds one. False: the table is full.
pub fn insert(watched: &Watched) -> bool {
    for (index, slot) in TABLE.iter().enumerate() {
        if slot.start.load(Relaxed) == FREE && slot.hold_free() {
            slot.write(watched);
            USED.fetch_max(index + 1, SeqCst);
            return true;
        }
    }
    false
}

/// Whether anything is watched.
pub fn is_empty() -> bool {
    slots().iter().all(|slot| slot.start.load(SeqCst) == FREE)
}

/// What lies in the range is watched no longer; of a mapping that lies in it in part, the larger rest still is, but nothing of
/// one that must stay whole. `dropped` is told what it was, and of the other rest, if there is one.
pub fn forget(start: usize, end: usize, dropped: impl FnMut(u32, (usize, usize))) {
    forget_those(start, end, u32::MAX, dropped);
}

/// The same for what is watched for one of these wants alone. What else is watched in the range still is, as if nothing had been
/// asked: what is known of it stays.
pub fn forget_those(start: usize, end: usize, wants: u32, mut dropped: impl FnMut(u32, (usize, usize))) {
    let goes = |watched: &Watched| watched.wants & wants != 0;
    for slot in slots() {
        // Not asked where everything goes, as at each munmap.
        if wants != u32::MAX && slot.read().is_some_and(|(watched, _)| !goes(&watched)) {
            continue;
        }
        let Some(watched) = slot.take(start, end) else { continue };
        if !goes(&watched) {
            slot.write(&watched);
            continue;
        }
        let (stays, rest) = rests(&watched, start, end);
        slot.write(if watched.wants & WHOLE != 0 { &NOTHING } else { &stays });
        if rest.start < rest.end {
            dropped(watched.wants, (rest.start, rest.end));
        }
    }
}

/// The larger and the smaller rest of a mapping, of which a range goes.
fn rests(watched: &Watched, start: usize, end: usize) -> (Watched, Watched) {
    let head = Watched { end: start.max(watched.start), ..*watched };
    let from = end.clamp(watched.start, watched.end);
    let tail = Watched { start: from, offset: watched.offset + (from - watched.start) as u64, ..*watched };
    if head.end - head.start >= tail.end - tail.start { (head, tail) } else { (tail, head) }
}

/// The same as a whole, of those alone for which `goes` says so.
pub fn forget_whole(start: usize, end: usize, mut goes: impl FnMut(&Watched) -> bool) {
    for slot in slots() {
        if let Some(watched) = slot.take(start, end) {
            slot.write(if goes(&watched) { &NOTHING } else { &watched });
        }
    }
}

const NOTHING: Watched = Watched { start: 0, end: 0, file_bytes: 0, offset: 0, identity: 0, rule: 0, wants: 0 };

/// Takes the one that begins at `start` out of the table; others that the range touches are forgotten. `dropped` is told of rests
/// that are watched no longer, as in [`forget`].
pub fn lift(start: usize, end: usize, mut dropped: impl FnMut(u32, (usize, usize))) -> Option<Watched> {
    let mut lifted = None;
    for slot in slots() {
        if slot.start.load(SeqCst) == start
            && let Some(watched) = slot.take(start, start + 1)
        {
            lifted = Some(watched);
            slot.write(&NOTHING);
            if end < watched.end {
                dropped(watched.wants, (end, watched.end));
            }
        }
    }
    forget(start, end, dropped);
    lifted
}

/// In a forked child.
pub fn clear() {
    slots().iter().for_each(|slot| slot.write(&NOTHING));
}

/// [`COLD`] if the kernel says that nothing of the mapped part of the file is in memory (cachestat(2), Linux 6.5). It counts
/// all pages of what it is asked for (some ms a GiB): so piece by piece, until one has some.
pub fn was_cold(target: &Target) -> u32 {
    const LARGEST: u64 = 1 << 30;
    let Some(view) = target.file.filter(|view| view.fd >= 0) else { return 0 };
    let (mut at, end) = (view.offset, view.offset.saturating_add(target.range.len as u64));
    let mut piece = 1 << 20;
    while at < end {
        if sys::cached_pages(view.fd, at, piece.min(end - at)) != Ok(0) {
            return 0;
        }
        at += piece;
        piece = (piece * 2).min(LARGEST);
    }
    COLD
}
