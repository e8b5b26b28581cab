//! What is watched: the table that the hooks write and the thread reads.
//!
//! What must hold here: no lock: a slot is taken by one compare-and-swap, and each change gives it a new serial, by which
//! the thread sees that what it read no longer holds.

use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::*};

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
/// What is there is touched now and then, so that it stays without mlock.
pub const REFRESH: u32 = 4;
/// MAP_SHARED.
pub const SHARED: u32 = 8;
/// Nothing of the file was in memory when it was mapped.
pub const COLD: u32 = 16;

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
    /// tells one file from another
    pub identity: u64,
    /// on whose behalf
    pub rule: u8,
    /// [`AUTO`] and its like
    pub wants: u32,
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
    }
}; SLOTS];
/// Slots beyond this one were never used.
static USED: AtomicUsize = AtomicUsize::new(0);

impl Slot {
    fn write(&self, w: &Watched) {
        self.serial.fetch_add(1, SeqCst);
        self.scan.store(NO_SCAN, Relaxed);
        self.end.store(w.end, Relaxed);
        self.file_bytes.store(w.file_bytes, Relaxed);
        self.offset.store(w.offset, Relaxed);
        self.identity.store(w.identity, Relaxed);
        self.rule_and_wants.store(u64::from(w.rule) << 32 | u64::from(w.wants), Relaxed);
        self.start.store(if w.start < w.end { w.start } else { FREE }, SeqCst);
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
        let is_whole = start > TAKEN && self.serial.load(SeqCst) == serial && self.start.load(SeqCst) == start;
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

    /// Whether it overlaps the range.
    pub fn overlaps(&self, start: usize, end: usize) -> bool {
        let at = self.start.load(SeqCst);
        at > TAKEN && at < end && self.end.load(Relaxed) > start
    }

    /// Takes the slot if it overlaps the range; the caller must `write` it back.
    fn take(&self, start: usize, end: usize) -> Option<Watched> {
        let at = self.start.load(SeqCst);
        if at <= TAKEN || at >= end || self.end.load(Relaxed) <= start {
            return None;
        }
        self.start.compare_exchange(at, TAKEN, SeqCst, Relaxed).ok()?;
        let watched = self.load(at);
        if watched.end <= start {
            self.start.store(at, SeqCst); // it was exchanged for another between the two looks
            return None;
        }
        Some(watched)
    }
}

/// The slots that were ever used.
pub fn slots() -> &'static [Slot] {
    TABLE.get(..USED.load(SeqCst).min(SLOTS)).unwrap_or(&TABLE)
}

/// Adds one. False: the table is full.
pub fn insert(watched: &Watched) -> bool {
    for (index, slot) in TABLE.iter().enumerate() {
        if slot.start.load(Relaxed) == FREE && slot.start.compare_exchange(FREE, TAKEN, SeqCst, Relaxed).is_ok() {
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

/// What lies in the range is watched no longer; of a mapping that lies in it in part, the larger rest still is.
pub fn forget(start: usize, end: usize) {
    for slot in slots() {
        let Some(watched) = slot.take(start, end) else { continue };
        let head = Watched { end: start.max(watched.start), ..watched };
        let from = end.clamp(watched.start, watched.end);
        let tail = Watched { start: from, offset: watched.offset + (from - watched.start) as u64, ..watched };
        slot.write(if head.end - head.start >= tail.end - tail.start { &head } else { &tail });
    }
}

/// The same for private mappings alone, as a whole.
pub fn forget_private(start: usize, end: usize) {
    for slot in slots() {
        if let Some(watched) = slot.take(start, end) {
            slot.write(if watched.wants & SHARED == 0 { &NOTHING } else { &watched });
        }
    }
}

const NOTHING: Watched = Watched { start: 0, end: 0, file_bytes: 0, offset: 0, identity: 0, rule: 0, wants: 0 };

/// Takes the one that begins at `start` out of the table; others that the range touches are forgotten.
pub fn lift(start: usize, end: usize) -> Option<Watched> {
    let mut lifted = None;
    for slot in slots() {
        if slot.start.load(SeqCst) == start
            && let Some(watched) = slot.take(start, start + 1)
        {
            lifted = Some(watched);
            slot.write(&NOTHING);
        }
    }
    forget(start, end);
    lifted
}

/// In a forked child.
pub fn clear() {
    slots().iter().for_each(|slot| slot.write(&NOTHING));
}

/// [`COLD`] if the kernel says that nothing of the mapped part of the file is in memory (cachestat(2), Linux 6.5).
pub fn was_cold(target: &Target) -> u32 {
    let Some(view) = target.file.filter(|view| view.fd >= 0) else { return 0 };
    match sys::cached_pages(view.fd, view.offset, target.range.len as u64) {
        Ok(0) => COLD,
        _ => 0,
    }
}
