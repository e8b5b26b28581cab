//! What we did where: the regions that hold budget, locks, or huge pages of ours.
//!
//! What must hold here: a record is dropped (and its budget given back) when its range is unmapped, replaced or moved,
//! in whole or in part; no lock: an entry is taken by one compare-and-swap, and whoever finds it taken passes it by, but for
//! those who drop what is recorded: these wait, bounded, because what they pass by would be accounted for ever.
//! A full table means that an action is skipped, never that a record is lost.

use faultless_core::counters::C;

use crate::budget::Budget;
use crate::crew::ahead;
use crate::live::Live;
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Ordering::*, spin_loop};
use crate::{arch, sys};

// With their paths, because the model of races takes this file in from elsewhere.
#[path = "regions/huge.rs"]
mod huge;
#[path = "regions/locks.rs"]
mod locks;

pub use huge::*;
pub use locks::*;

const ENTRIES: usize = 2048;
/// `start` of a free entry.
const FREE: usize = 0;
/// Set in the `start` of an entry that a thread is changing: the rest is that thread's pointer to its own variables, which is
/// even, as addresses of pages are. Who finds his own is a signal handler that came in between: to wait would be in vain.
const TAKEN: usize = 1;

/// What the calling thread writes there.
fn taken() -> usize {
    arch::thread_pointer() | TAKEN
}

/// Whether a `start` is one of a record that is there, and in nobody's hands.
fn is_there(start: usize) -> bool {
    start != FREE && start & TAKEN == 0
}

/// Huge pages were asked for: coverage is sampled when the region goes.
pub const HUGE: u32 = 1;
/// A private anonymous reservation (PROT_NONE or MAP_NORESERVE) of the program: rules apply when it becomes writable.
pub const RESERVED: u32 = 2;
/// The program gave advice about page size there.
pub const PROGRAM_PAGE_SIZE: u32 = 4;
/// The program gave advice about access there.
pub const PROGRAM_ACCESS: u32 = 8;
/// The program locks it itself (MAP_LOCKED, mlock).
pub const PROGRAM_LOCK: u32 = 16;
/// The program serves its faults itself (userfaultfd).
pub const PROGRAM_FAULTS: u32 = 32;
/// A reservation that has become writable, and that rules have had their turn at.
pub const COMMITTED: u32 = 64;
/// We said how it is read: the whole of it, or nothing.
pub const ADVISED: u32 = 128;
/// We had it left out of core files: the whole of it, or nothing.
pub const NOT_DUMPED: u32 = 256;
/// A part was unlocked in the program's favour, or only a part was ever locked, so that what was one mapping is now several.
pub const PARTED: u32 = 512;
/// The kernel never puts together what is parted of it ([`crate::target::Target::segment`]): locks come and go whole.
pub const WHOLE: u32 = 1024;

struct Entry {
    start: AtomicUsize,
    end: AtomicUsize,
    lock_start: AtomicUsize,
    lock_end: AtomicUsize,
    populated: AtomicU64,
    flags: AtomicU32,
    /// bytes on huge pages, and resident, at the last look
    seen: [AtomicU64; 2],
}

static TABLE: [Entry; ENTRIES] = [const {
    Entry {
        start: AtomicUsize::new(FREE),
        end: AtomicUsize::new(0),
        lock_start: AtomicUsize::new(0),
        lock_end: AtomicUsize::new(0),
        populated: AtomicU64::new(0),
        flags: AtomicU32::new(0),
        seen: [const { AtomicU64::new(0) }; 2],
    }
}; ENTRIES];
/// Entries beyond this one were never used.
static USED: AtomicUsize = AtomicUsize::new(0);
/// How often a part of a record went to another entry.
static SPLITS: AtomicU32 = AtomicU32::new(0);

/// How long those who drop records wait for other threads that change them: a munlock of some MiB, and not for ever, because
/// the other may wait for the very thread whose signal handler this is.
const PATIENCE_NS: u64 = 1_000_000;

/// A record, as plain values.
#[derive(Clone, Copy, Default)]
pub struct Record {
    /// first byte
    pub start: usize,
    /// exclusive end
    pub end: usize,
    /// first byte locked by us
    pub lock_start: usize,
    /// exclusive end of what we locked; not above `lock_start`: nothing
    pub lock_end: usize,
    /// bytes that count against populate-max
    pub populated: u64,
    /// [`HUGE`] and its like
    pub flags: u32,
}

impl Record {
    fn locked(&self) -> u64 {
        self.lock_end.saturating_sub(self.lock_start) as u64
    }

    /// What is left of the record inside `start .. end`.
    fn part(&self, start: usize, end: usize) -> Record {
        let whole = (self.end - self.start) as u128;
        let (lock_start, lock_end) = (self.lock_start.max(start), self.lock_end.min(end));
        Record {
            start,
            end,
            lock_start,
            lock_end: lock_end.max(lock_start),
            populated: (self.populated as u128 * (end.saturating_sub(start)) as u128 / whole.max(1)) as u64,
            flags: self.flags,
        }
    }
}

impl Entry {
    fn write(&self, r: &Record) {
        self.end.store(r.end, Relaxed);
        self.lock_start.store(r.lock_start, Relaxed);
        self.lock_end.store(r.lock_end, Relaxed);
        self.populated.store(r.populated, Relaxed);
        self.flags.store(r.flags, Relaxed);
        self.seen.iter().for_each(|seen| seen.store(0, Relaxed));
        self.start.store(if r.start < r.end { r.start } else { FREE }, Release);
    }

    fn read(&self, start: usize) -> Record {
        Record {
            start,
            end: self.end.load(Relaxed),
            lock_start: self.lock_start.load(Relaxed),
            lock_end: self.lock_end.load(Relaxed),
            populated: self.populated.load(Relaxed),
            flags: self.flags.load(Relaxed),
        }
    }

    /// Takes the entry if it overlaps the range; the caller must `write` it back.
    fn take(&self, start: usize, end: usize) -> Option<Record> {
        self.try_take(start, end).ok().flatten()
    }

    /// The same; the error is that another thread is changing it.
    fn try_take(&self, start: usize, end: usize) -> Result<Option<Record>, Busy> {
        let at = self.start.load(Acquire);
        let taken = taken();
        if at & TAKEN != 0 {
            return if at == taken { Ok(None) } else { Err(Busy) };
        }
        if at == FREE || at >= end || self.end.load(Relaxed) <= start {
            return Ok(None);
        }
        self.start.compare_exchange(at, taken, Acquire, Relaxed).map_err(|_| Busy)?;
        let record = self.read(at);
        if record.end <= start {
            self.start.store(at, Release); // it was exchanged for another between the two looks
            return Ok(None);
        }
        Ok(Some(record))
    }

    /// Writes back what is left of a record that was taken. False: there was no room for the second part.
    fn split(&self, first: &Record, second: &Record) -> bool {
        let has_room = second.start >= second.end || insert(second);
        if second.start < second.end {
            // Before the first part is there to be seen: whoever sees it looks for the second again.
            SPLITS.fetch_add(1, SeqCst);
        }
        self.write(first);
        has_room
    }
}

/// Another thread is changing the entry.
struct Busy;

/// Calls `change` with each record that overlaps the range, taken; it must write it back. What others are changing just then
/// is waited for, and what they have moved to another entry meanwhile is looked for again.
fn each_taken(start: usize, end: usize, mut change: impl FnMut(&Entry, Record)) {
    let mut until = 0;
    loop {
        let splits = SPLITS.load(SeqCst);
        let mut is_busy = false;
        for entry in used() {
            match entry.try_take(start, end) {
                Ok(Some(record)) => change(entry, record),
                Ok(None) => {}
                Err(Busy) => is_busy = true,
            }
        }
        if !is_busy && SPLITS.load(SeqCst) == splits {
            return;
        }
        let now = sys::now(libc::CLOCK_MONOTONIC);
        until = if until == 0 { now + PATIENCE_NS } else { until };
        if now >= until {
            return;
        }
        spin_loop();
    }
}

fn used() -> &'static [Entry] {
    TABLE.get(..USED.load(Acquire).min(ENTRIES)).unwrap_or(&TABLE)
}

/// Adds a record. False: the table is full.
pub fn insert(record: &Record) -> bool {
    let taken = taken();
    for (index, entry) in TABLE.iter().enumerate() {
        if entry.start.load(Relaxed) == FREE && entry.start.compare_exchange(FREE, taken, Acquire, Relaxed).is_ok() {
            entry.write(record);
            USED.fetch_max(index + 1, Release);
            return true;
        }
    }
    false
}

/// Adds a record to the one that ends where it begins, if there is one of its like: so that a heap that grows for ever
/// takes one entry. False: there is none.
pub fn extend(record: &Record) -> bool {
    for entry in used() {
        if !is_there(entry.start.load(Relaxed)) || entry.end.load(Relaxed) != record.start {
            continue;
        }
        let Some(mut before) = entry.take(record.start - 1, record.start) else { continue };
        let locks_meet = before.lock_end == record.lock_start || before.locked() + record.locked() == 0;
        let seen = entry.seen.each_ref().map(|seen| seen.load(Relaxed));
        let fits = before.end == record.start && before.flags == record.flags && locks_meet;
        if fits {
            (before.end, before.lock_end) = (record.end, record.lock_end.max(before.lock_end));
            before.populated += record.populated;
        }
        entry.write(&before);
        entry.seen.iter().zip(seen).for_each(|(place, seen)| place.store(seen, Relaxed));
        if fits {
            return true;
        }
    }
    false
}

/// Whether another record would fit.
pub fn has_room() -> bool {
    used().len() < ENTRIES || TABLE.iter().any(|e| e.start.load(Relaxed) == FREE)
}

/// Whether nothing is recorded at all: the fast answer for most calls of most programs.
pub fn none() -> bool {
    USED.load(Relaxed) == 0
}

/// The range is being unmapped or replaced: drops what is recorded of it and gives its budget back.
pub fn forget(live: &Live<'_>, start: usize, len: usize) {
    ahead::give_way(start, len);
    let end = start.saturating_add(len);
    each_taken(start, end, |entry, record| {
        let gone = record.part(start.max(record.start), end.min(record.end));
        let head = record.part(record.start, start.max(record.start));
        let tail = record.part(end.min(record.end), record.end);
        let mut lost = gone.populated;
        let mut unlocked = gone.locked();
        let (first, second) = if head.start < head.end { (&head, &tail) } else { (&tail, &Record::default()) };
        if !entry.split(first, second) {
            // No room to remember the rest: unlock it, so that nothing stays locked that nobody accounts for.
            let _ = sys::munlock(tail.lock_start, tail.locked() as usize);
            lost += tail.populated;
            unlocked += tail.locked();
        }
        Budget::Populate.give(live, lost);
        Budget::Lock.give(live, unlocked);
    });
}

/// Gives back the budget of pages that did not come, in the region that `at` lies in.
pub fn not_populated(live: &Live<'_>, at: usize, bytes: u64) {
    for entry in used() {
        let Some(mut record) = entry.take(at, at + 1) else { continue };
        let less = record.populated.min(bytes);
        record.populated -= less;
        entry.write(&record);
        Budget::Populate.give(live, less);
        if less > 0 {
            return;
        }
    }
}

/// The flags of the records in which the range lies wholly, or None.
pub fn flags_around(start: usize, len: usize) -> Option<u32> {
    let end = start.saturating_add(len);
    let mut flags = None;
    for entry in used() {
        let at = entry.start.load(Acquire);
        if is_there(at) && at <= start && entry.end.load(Relaxed) >= end {
            flags = Some(flags.unwrap_or(0) | entry.flags.load(Relaxed));
        }
    }
    flags
}

/// Remembers what the program itself has said about reservations in the range.
pub fn program_said(start: usize, len: usize, flag: u32) {
    let end = start.saturating_add(len);
    for entry in used() {
        if let Some(mut record) = entry.take(start, end) {
            if record.flags & RESERVED != 0 {
                record.flags |= flag;
            }
            entry.write(&record);
        }
    }
}

/// The program is about to say of a part of a region what we have said of the whole: what would be left of ours would make
/// several mappings of one, which mremap refuses to grow, and which the kernel doesn't put together again where it is a
/// segment. Calls `undo` with all of it.
pub fn take_back(start: usize, len: usize, flag: u32, mut undo: impl FnMut(usize, usize)) {
    let end = start.saturating_add(len).next_multiple_of(sys::PAGE);
    for entry in used() {
        let Some(mut record) = entry.take(start, end) else { continue };
        if record.flags & flag != 0 {
            record.flags &= !flag;
            undo(record.start, record.end);
            if record.flags & !(PARTED | WHOLE) == 0 && record.populated == 0 && record.locked() == 0 {
                record = Record::default();
            }
        }
        entry.write(&record);
    }
}

/// Takes the one record of exactly this range out of the table, for a mapping that is being moved. None: there is none.
pub fn lift(start: usize, len: usize) -> Option<Record> {
    ahead::give_way(start, len);
    for entry in used() {
        if entry.start.load(Acquire) == start && entry.end.load(Relaxed) == start.saturating_add(len) {
            let record = entry.take(start, start + 1)?;
            entry.start.store(FREE, Release);
            return Some(record);
        }
    }
    None
}

/// Puts a lifted record back, for a mapping that is now at `start` and has `len` bytes. A lock that reached its end has
/// been extended with it by the kernel.
pub fn land(live: &Live<'_>, mut record: Record, start: usize, len: usize) {
    let reached_end = record.locked() > 0 && record.lock_end == record.end;
    let before = (record.locked(), record.populated);
    let moved = |at: usize| at.wrapping_sub(record.start).wrapping_add(start);
    let lock = (moved(record.lock_start), if reached_end { start + len } else { moved(record.lock_end) });
    let shrunk = record.part(record.start, record.end.min(record.start + len));
    (record.start, record.end, record.populated) = (start, start + len, shrunk.populated);
    if before.0 > 0 {
        (record.lock_start, record.lock_end) = (lock.0.min(record.end), lock.1.min(record.end));
    }
    Budget::Populate.give(live, before.1 - record.populated);
    if record.locked() >= before.0 {
        Budget::Lock.force(live, record.locked() - before.0);
    } else {
        Budget::Lock.give(live, before.0 - record.locked());
    }
    if !insert(&record) {
        let _ = sys::munlock(record.lock_start, record.locked() as usize);
        Budget::Lock.give(live, record.locked());
        Budget::Populate.give(live, record.populated);
    }
}

/// Gives back what a lifted record held: it is not put back.
pub fn settle(live: &Live<'_>, record: &Record) {
    Budget::Lock.give(live, record.locked());
    Budget::Populate.give(live, record.populated);
}

/// In a forked child: nothing is locked there, and its budgets start at nothing.
pub fn start_in_child() {
    for entry in used() {
        // An entry that another thread of the parent was changing belongs to nobody here.
        let start = entry.start.load(Relaxed);
        if start & TAKEN != 0 {
            entry.start.store(FREE, Relaxed);
        } else {
            locks::mend(entry);
            entry.lock_start.store(0, Relaxed);
            entry.lock_end.store(0, Relaxed);
            entry.populated.store(0, Relaxed);
            entry.seen.iter().for_each(|seen| seen.store(0, Relaxed));
        }
    }
}
