//! What the thread does to one piece of a range.
//!
//! What must hold here: content stays; each piece's faults are counted as ours; what can't be had gives its budget back,
//! and the rule's notes say why.

use faultless_core::counters::C;
use faultless_core::page::Outcome;
use faultless_core::reason::Reason;
use faultless_core::rules::Axis;

use super::ahead::PIECE;
use super::entry::{Entry, Work};
use crate::live::Live;
use crate::populate::{MADV_POPULATE_READ, MADV_POPULATE_WRITE};
use crate::sys::{self, Errno, HUGE, PAGE};
use crate::{regions, state};

const MADV_COLLAPSE: i32 = 25;
/// Pause after each huge page that is put together, because the kernel holds the program up while it copies.
const PAUSE_NS: u64 = 1_000_000;

/// Whether the kernel can do it.
pub fn can(at: usize, work: Work) -> bool {
    sys::takes_advice(
        at,
        match work {
            Work::Write => MADV_POPULATE_WRITE,
            Work::Read => MADV_POPULATE_READ,
            Work::Collapse => MADV_COLLAPSE,
        },
    )
}

/// Works on a piece. False: what is left of its range is not worth a try.
pub fn run(piece: Entry, rest: Option<Entry>) -> bool {
    let (began, before) = (sys::ticks(), sys::rusage(libc::RUSAGE_THREAD));
    let live = state::live();
    let (result, axis) = match piece.work() {
        Work::Write => (populate(&live, piece, MADV_POPULATE_WRITE), Axis::Arrival),
        Work::Read => {
            read_ahead(piece, rest);
            (populate(&live, piece, MADV_POPULATE_READ), Axis::Arrival)
        }
        Work::Collapse => (collapse(&live, piece), Axis::PageSize),
    };
    super::account(&live, began, before.as_ref());
    let Err(errno) = result else { return true };
    if let Some(stats) = live.page.rules.get(piece.rule() as usize) {
        stats.note(axis as u8, Outcome::Partly, Reason::Errno as u8, errno as u16);
    }
    if axis == Axis::Arrival {
        let end = rest.map_or(piece.end(), Entry::end);
        regions::not_populated(&live, piece.start(), (end - piece.start()) as u64);
    }
    false
}

fn populate(live: &Live<'_>, piece: Entry, advice: i32) -> Result<(), Errno> {
    // SAFETY: faults pages in as the program's own touch would; content stays.
    unsafe { sys::madvise(piece.start(), piece.len(), advice) }?;
    live.page.add(C::PopulatedBytes, piece.len() as u64);
    Ok(())
}

/// Has the kernel read this piece and the one behind it.
fn read_ahead(piece: Entry, rest: Option<Entry>) {
    let end = rest.map_or(piece.end(), |rest| rest.end().min(rest.start() + PIECE));
    for at in (piece.start()..end).step_by(PIECE) {
        // SAFETY: readahead only.
        let _ = unsafe { sys::madvise(at, PIECE.min(end - at), libc::MADV_WILLNEED) };
    }
}

/// Puts 2 MiB on a huge page, if all of it is there: it must not cost memory that nobody touched.
fn collapse(live: &Live<'_>, piece: Entry) -> Result<(), Errno> {
    let mut there = [0u8; HUGE / PAGE];
    if piece.len() != HUGE || sys::mincore(piece.start(), &mut there).is_err() || there.iter().any(|p| p & 1 == 0) {
        return Ok(());
    }
    // SAFETY: keeps content.
    match unsafe { sys::madvise(piece.start(), HUGE, MADV_COLLAPSE) } {
        Ok(_) => live.page.add(C::HugeLater, HUGE as u64),
        Err(libc::EAGAIN) => {} // some page of it is in use just now
        Err(errno) => return Err(errno),
    }
    sys::pause(PAUSE_NS);
    Ok(())
}
