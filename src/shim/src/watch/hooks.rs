//! What hooks say before they unmap, replace or change a range that may be watched.
//!
//! What must hold here: the table is changed first, then what is in flight over the range is waited for, so that nothing is
//! done to the range from then on; until something has been watched, all of it is one load.

use core::ffi::c_int;

use super::flight::wait_for_flight;
use super::table::{self, ACCESS, AUTO, HOT, REFRESH, Watched};
use crate::sync::{AtomicBool, AtomicU32, Ordering::*};
use crate::sys::{self, PAGE};
use crate::{captive, regions, state};

/// Something has been watched: until then the hooks pass by.
pub static USED: AtomicBool = AtomicBool::new(false);

/// The program is about to unmap, replace or give up a range: nothing is done to it from here on.
#[inline]
pub fn give_way(start: usize, len: usize) {
    if USED.load(Relaxed) {
        forget(start, len, u32::MAX);
    }
}

/// The program is about to say how it reads a range: a thread of ours must not say otherwise after it. What is kept of it in
/// memory is another matter, but for what it passes once.
#[inline]
pub fn says_how_it_reads(start: usize, len: usize, advice: c_int) {
    // Otherwise the kernel refuses it, or it says nothing.
    if USED.load(Relaxed) && start.is_multiple_of(PAGE) && len != 0 {
        forget(start, len, if advice == libc::MADV_SEQUENTIAL { ACCESS | HOT } else { ACCESS });
    }
}

fn forget(start: usize, len: usize, wants: u32) {
    let end = start.saturating_add(len).saturating_add(PAGE - 1) & !(PAGE - 1);
    let mut rests = Rests::NONE;
    table::forget_those(start, end, wants, |wants, rest| rests.add(wants, rest));
    wait_for_flight(start, end);
    rests.undo();
}

/// What is watched no longer, because what lies beside it goes: nobody would let go of it, or correct it.
struct Rests([Option<(u32, (usize, usize))>; 4]);

impl Rests {
    const NONE: Rests = Rests([None; 4]);

    fn add(&mut self, wants: u32, rest: (usize, usize)) {
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none() && wants & (HOT | AUTO) != 0) {
            *place = Some((wants, rest));
        }
    }

    fn undo(self) {
        for (wants, (from, to)) in self.0.into_iter().flatten() {
            let Some(live) = state::enter_to_undo() else { return };
            if wants & AUTO != 0 {
                // SAFETY: advice that keeps content, on what is still mapped: the program gives up what lies beside it.
                let _ = unsafe { sys::madvise(from, to - from, libc::MADV_NORMAL) };
            }
            if wants & HOT != 0 {
                regions::let_go(&live, from, to - from);
            }
        }
    }
}

/// How often the program has given up what was in memory of something that is watched.
static GIVEN_UP: AtomicU32 = AtomicU32::new(0);

/// The program gives up the content of memory, or has it pushed out: what is seen to go is its own doing.
#[inline]
pub fn gives_up(start: usize, len: usize) {
    if USED.load(Relaxed) && table::slots().iter().any(|slot| slot.overlaps(start, start.saturating_add(len))) {
        GIVEN_UP.fetch_add(1, Relaxed);
    }
}

/// How often it has.
pub fn given_up() -> u32 {
    GIVEN_UP.load(Relaxed)
}

/// The program is about to lock a range itself: what is locked there is its own business from here on.
#[inline]
pub fn locks_itself((start, len): (usize, usize)) {
    if len != 0 {
        give_way(start, len);
    }
}

/// The program makes a range writable: a private mapping of a file has pages of its own from here on.
#[inline]
pub fn made_writable(start: usize, len: usize) {
    if USED.load(Relaxed) {
        let end = start.saturating_add(len).saturating_add(PAGE - 1) & !(PAGE - 1);
        let mut had_advice = None;
        let mut had_locks = None;
        table::forget_whole(start, end, |watched| {
            // Anonymous memory has had pages of its own from the start.
            let is_copied = watched.wants & table::SHARED == 0 && !watched.is_anonymous();
            if is_copied && watched.wants & AUTO != 0 {
                had_advice = Some((watched.start.max(start), watched.end.min(end)));
            }
            if is_copied && watched.wants & HOT != 0 {
                let (from, to) = had_locks.unwrap_or((watched.start, watched.end));
                had_locks = Some((watched.start.min(from), watched.end.max(to)));
            }
            is_copied
        });
        wait_for_flight(start, end);
        if let Some((from, to)) = had_advice.filter(|_| !captive::is_here()) {
            // SAFETY: advice that keeps content, on what the program is about to change itself.
            let _ = unsafe { sys::madvise(from, to - from, libc::MADV_NORMAL) };
        }
        // Parted by our locks, each part would get an anon_vma of its own, and mremap would refuse what was one mapping.
        if let Some((from, to)) = had_locks
            && let Some(live) = state::enter()
        {
            regions::unlock(&live, from, to - from);
        }
    }
}

/// Wants that bring pages.
pub const FAULTING: u32 = REFRESH | HOT;

/// The program has made a userfaultfd: a page that it has not filled yet is its own to bring.
pub fn saw_userfaultfd() {
    if USED.load(Relaxed) {
        let is_it = |watched: &Watched| watched.wants & FAULTING != 0;
        for (watched, _) in table::slots().iter().filter_map(table::Slot::read).filter(|(watched, _)| is_it(watched)) {
            table::forget_whole(watched.start, watched.end, is_it);
            wait_for_flight(watched.start, watched.end);
            // Nobody would let go of it any more; and UFFDIO_MOVE refuses to move what is locked to what is not.
            if let Some(live) = state::enter_to_undo().filter(|_| watched.wants & HOT != 0) {
                regions::let_go(&live, watched.start, watched.end - watched.start);
            }
        }
    }
}

/// The program is about to move or resize a mapping: it is watched no longer. Returns what was watched there, for
/// [`moved`].
pub fn lift(start: usize, len: usize) -> Option<Watched> {
    if !USED.load(Relaxed) {
        return None;
    }
    let (end, mut rests) = (start.saturating_add(len), Rests::NONE);
    let lifted = table::lift(start, end, |wants, rest| rests.add(wants, rest));
    wait_for_flight(start, end);
    rests.undo();
    lifted
}
