//! Locks and lets go of pieces.
//!
//! What must hold here: each lock has a record in `regions` from before the handshake ends, so that whatever the program does
//! to the range finds it; pages come before the lock, so that the lock is quick; a private mapping of a file is locked on
//! fault only, and so is what may have holes, and a segment, which is locked by one call.

use faultless_core::counters::C;
use faultless_core::reason::Reason;

use super::super::table::{HOLES, SHARED, Slot, WHOLE, Watched};
use super::super::{act_firmly_on, act_on, thread};
use crate::budget::Budget;
use crate::live::Live;
use crate::populate::{MADV_POPULATE_READ, MADV_POPULATE_WRITE};
use crate::regions::{self, Record};
use crate::{sys, transit};

/// Locks a piece, or says why not.
pub fn lock(live: &Live<'_>, slot: &Slot, watched: &Watched, (from, to): (usize, usize)) -> Result<(), Reason> {
    let bytes = (to - from) as u64;
    if !Budget::Lock.try_take(live, bytes) {
        return Err(Reason::BudgetOption);
    }
    bring(slot, watched, (from, to));
    let is_segment = watched.wants & WHOLE != 0;
    if watched.is_anonymous() && !is_segment {
        // It may come from swap, and take long: not while a call of the program waits for us however long it takes.
        let written = act_on(slot, watched, from, from + sys::PAGE, || has_been_written(from));
        if let Err(why) = written.unwrap_or(Err(Reason::Busy)) {
            Budget::Lock.give(live, bytes);
            return Err(why);
        }
    }
    let Some(_passage) = transit::coming() else {
        Budget::Lock.give(live, bytes);
        return Err(Reason::Memlock);
    };
    let on_fault = watched.wants & SHARED == 0 || watched.wants & HOLES != 0 || is_segment;
    let flags = if is_segment { regions::WHOLE } else { regions::PARTED };
    let record = Record { start: from, end: to, lock_start: from, lock_end: to, flags, ..Record::default() };
    let result = act_firmly_on(slot, watched, from, to, || {
        // To bring it may have taken long. A lock that comes after a filter could not be undone.
        if thread::is_told_to_leave() {
            return Err(Reason::Busy);
        }
        // A mapping that has become smaller has other pieces, of which a part may be locked: it would be counted twice.
        regions::let_go(live, from, to - from);
        if let Err(errno) = sys::mlock(from, to - from, on_fault) {
            let _ = sys::munlock(from, to - from); // it may have locked a part before it failed
            return Err(if errno == libc::ENOMEM || errno == libc::EAGAIN { Reason::Memlock } else { Reason::Errno });
        }
        if regions::extend(&record) || regions::insert(&record) {
            return Ok(());
        }
        let _ = sys::munlock(from, to - from);
        Err(Reason::TableFull)
    });
    let result = result.unwrap_or(Err(Reason::Busy));
    match result {
        Ok(()) => live.page.add(C::LockedBytes, bytes),
        Err(_) => Budget::Lock.give(live, bytes),
    }
    result
}

/// Anonymous memory of which only zeroes were read has no anon_vma: parted by a lock, each part would get one of its own when
/// it is written, and mremap would refuse what was one mapping. So one page of it becomes the program's own first.
fn has_been_written(at: usize) -> Result<(), Reason> {
    // SAFETY: faults one page in for writing, as the program's own write would; content stays.
    match unsafe { sys::madvise(at, sys::PAGE, MADV_POPULATE_WRITE) } {
        Ok(_) => Ok(()),
        Err(libc::EINVAL) => Err(Reason::OldKernel), // before 5.14
        Err(_) => Err(Reason::NotWritable),
    }
}

/// Bytes that the kernel is asked for at a time; it cuts what is more to the disk's largest request.
pub const STEP: usize = 1 << 20;

/// Has the kernel read ahead what is missing of a stretch, in requests as large as the disk takes: it waits for none of them.
pub fn read_ahead(slot: &Slot, watched: &Watched, (from, to): (usize, usize)) {
    if !may_be_brought(watched) {
        return;
    }
    for at in (from..to).step_by(STEP) {
        let end = (at + STEP).min(to);
        // SAFETY: reads pages ahead; content stays.
        let ask = || unsafe { sys::madvise(at, end - at, libc::MADV_WILLNEED) };
        let _ = act_on(slot, watched, at, end, ask);
    }
}

/// Has the kernel bring what is missing of a piece, as the program's own reads would.
pub fn bring(slot: &Slot, watched: &Watched, (from, to): (usize, usize)) {
    if !may_be_brought(watched) {
        return;
    }
    for advice in [libc::MADV_WILLNEED, MADV_POPULATE_READ] {
        // SAFETY: faults pages in for reading; content stays.
        let ask = || unsafe { sys::madvise(from, to - from, advice) };
        let _ = act_on(slot, watched, from, to, ask);
    }
}

/// Whether what is missing is to be read. What was never touched of anonymous memory need not be there, and what was pushed out
/// comes when it is used.
pub fn may_be_brought(watched: &Watched) -> bool {
    !watched.is_anonymous() && watched.wants & HOLES == 0
}

/// Lets go of a piece. False: the books were busy, and it is still locked.
pub fn unlock(live: &Live<'_>, slot: &Slot, watched: &Watched, (from, to): (usize, usize)) -> bool {
    let let_go = || regions::let_go(live, from, to - from) || !regions::is_locked(from, to - from);
    // Gone from the table: whoever changes the mapping settles what was locked of it.
    act_firmly_on(slot, watched, from, to, let_go).unwrap_or(true)
}
