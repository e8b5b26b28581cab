//! What of the recorded regions is locked: it goes in favour of the program, for a fork, and for good.
//!
//! What must hold here: each record has one locked stretch; what is unlocked is a record's before it is unlocked, and the budget
//! gets back exactly what the record no longer has.

use super::*;
use crate::transit;

/// How often locks of ours went in favour of a call of the program.
static RELEASES: AtomicU32 = AtomicU32::new(0);

/// Unlocks what we locked in the range, in favour of a call of the program. True if there was something.
pub fn unlock(live: &Live<'_>, start: usize, len: usize) -> bool {
    let bytes = release_locks(live, start, len, true);
    live.page.add(C::OwnUnlocked, bytes);
    RELEASES.fetch_add(u32::from(bytes > 0), SeqCst);
    bytes > 0
}

/// How often the program needed what all locks of ours took of a limit.
static YIELDS: AtomicU32 = AtomicU32::new(0);

/// Unlocks all that we locked: the program needs what that takes of a limit. True if there was something.
pub fn unlock_all(live: &Live<'_>) -> bool {
    let any = unlock(live, 0, usize::MAX);
    YIELDS.fetch_add(u32::from(any), SeqCst);
    any
}

/// Changes with each [`unlock_all`] that found something.
pub fn yields() -> u32 {
    YIELDS.load(SeqCst)
}

/// Unlocks what we locked in the range, because it is no longer worth it. True if there was something.
pub fn let_go(live: &Live<'_>, start: usize, len: usize) -> bool {
    release_locks(live, start, len, true) > 0
}

/// Changes whenever locks of ours have gone in favour of a call of the program.
pub fn releases() -> u32 {
    RELEASES.load(SeqCst)
}

/// Calls `each` with every stretch that we have locked.
pub fn each_lock(mut each: impl FnMut(usize, usize)) {
    for entry in used() {
        let (from, to) = (entry.lock_start.load(Relaxed), entry.lock_end.load(Relaxed));
        if is_there(entry.start.load(Acquire)) && from < to {
            each(from, to);
        }
    }
}

/// Unlocks the region that begins at `start`, if we locked a part of it.
pub fn unlock_partly_locked(live: &Live<'_>, start: usize) {
    for entry in used() {
        let is_part =
            || entry.lock_end.load(Relaxed) != entry.end.load(Relaxed) || entry.lock_start.load(Relaxed) != start;
        if entry.start.load(Acquire) == start && is_part() {
            let len = entry.end.load(Relaxed).saturating_sub(start);
            unlock(live, start, len);
            return;
        }
    }
}

/// The program is about to lock or unlock the range itself: where that is a part of what must stay whole, our lock goes first,
/// so that its call finds the mapping as it would be without us.
pub fn unlock_what_must_stay_whole(live: &Live<'_>, start: usize, len: usize) {
    let end = start.saturating_add(len);
    for entry in used() {
        let (from, to) = (entry.lock_start.load(Relaxed), entry.lock_end.load(Relaxed));
        let is_cut = from < end && to > start && (from < start || to > end);
        if is_there(entry.start.load(Acquire)) && from < to && is_cut && entry.flags.load(Relaxed) & WHOLE != 0 {
            unlock(live, from, to - from);
        }
    }
}

/// The program's own call has just unlocked, or taken over, what we locked in the range: only the books change.
pub fn lock_taken_over(live: &Live<'_>, start: usize, len: usize) {
    let bytes = release_locks(live, start, len, false);
    RELEASES.fetch_add(u32::from(bytes > 0), SeqCst);
}

/// Returns how many bytes were locked.
fn release_locks(live: &Live<'_>, start: usize, len: usize, munlock: bool) -> u64 {
    let end = start.saturating_add(len);
    let mut sum = 0;
    let _passage = transit::going();
    each_taken(start, end, |entry, record| {
        let (mut from, mut to) = (record.lock_start.max(start), record.lock_end.min(end));
        if from >= to {
            entry.write(&record);
            return;
        }
        if record.flags & WHOLE != 0 {
            (from, to) = (record.lock_start, record.lock_end);
        }
        sum += (to - from) as u64;
        if munlock {
            let _ = sys::munlock(from, to - from);
        }
        // Two records from here on where locks stay on both sides: each record has one locked stretch.
        let (mut head, mut tail) = (record.part(record.start, to), record.part(to, record.end));
        head.lock_end = from.max(head.lock_start);
        if tail.start >= tail.end || tail.locked() == 0 {
            head = Record { lock_start: head.lock_start, lock_end: head.lock_end, ..record };
            tail = Record::default();
        } else {
            head.flags |= PARTED;
            tail.flags |= PARTED;
        }
        if head.locked() == 0 && head.populated == 0 && head.flags & !(PARTED | WHOLE) == 0 {
            head = Record::default(); // it was there for the lock alone
        }
        let mut released = (to - from) as u64;
        if !entry.split(&head, &tail) {
            let _ = sys::munlock(tail.lock_start, tail.locked() as usize);
            released += tail.locked();
        }
        Budget::Lock.give(live, released);
    });
    sum
}

/// The stretch that we locked in the records which the range touches.
pub fn locked_around(start: usize, len: usize) -> Option<(usize, usize)> {
    let end = start.saturating_add(len);
    let mut around: Option<(usize, usize)> = None;
    for entry in used() {
        let (from, to) = (entry.lock_start.load(Relaxed), entry.lock_end.load(Relaxed));
        if is_there(entry.start.load(Relaxed)) && from < to && from < end && to > start {
            let (low, high) = around.unwrap_or((from, to));
            around = Some((low.min(from), high.max(to)));
        }
    }
    around
}

/// Whether all of the range is locked by us.
pub fn is_wholly_locked(start: usize, len: usize) -> bool {
    let end = start.saturating_add(len);
    used().iter().any(|e| {
        is_there(e.start.load(Relaxed)) && e.lock_start.load(Relaxed) <= start && e.lock_end.load(Relaxed) >= end
    })
}

/// Whether we locked something in the range.
pub fn is_locked(start: usize, len: usize) -> bool {
    let end = start.saturating_add(len);
    used().iter().any(|e| {
        let (from, to) = (e.lock_start.load(Relaxed), e.lock_end.load(Relaxed));
        is_there(e.start.load(Relaxed)) && from < to && from < end && to > start
    })
}

/// In a forked child: where the parent has locked a part, the kernel has dropped the lock but not put the two mappings together
/// that it made of one, and mremap refuses those. It does when a lock goes.
pub(super) fn mend(entry: &Entry) {
    let (start, end) = (entry.start.load(Relaxed), entry.end.load(Relaxed));
    let (from, to) = (entry.lock_start.load(Relaxed), entry.lock_end.load(Relaxed));
    let is_part = (from, to) != (start, end) || entry.flags.load(Relaxed) & PARTED != 0;
    if start != FREE && from < to && is_part && sys::mlock(from, to - from, true).is_ok() {
        let _ = sys::munlock(from, to - from);
    }
}
