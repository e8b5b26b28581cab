//! glibc's main heap, which grows by brk(2).
//!
//! What must hold here: an address between the first block that we saw and the break is the heap's; the break may fall
//! (glibc trims) and another thread may be growing it, so it is read at every look.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

use faultless_core::matching::Chosen;
use faultless_core::reason::Reason;

use super::{Chunk, MARGIN, WORTH, apply, choose, collapse, is_eager, is_huge, tuning};
use crate::budget::Budget;
use crate::live::Live;
use crate::sys::{self, HUGE, PAGE};
use crate::{act, real, regions};

/// A block this far below the break, at the first look, is taken for one of the heap: less than any program's text and
/// data are away from a mapping.
const NEAR: usize = 16 << 20;
/// Looks to wait after glibc found room elsewhere.
const PATIENCE: usize = 16;
/// A rule that takes memory at once has it taken in steps of at least this.
const LEAST_EAGER: usize = 4 << 20;

/// The heap's first page, as far as we know; 0: not yet seen.
static LOW: AtomicUsize = AtomicUsize::new(0);
/// Up to where rules have had their turn; 0: nowhere.
static ACTED: AtomicUsize = AtomicUsize::new(0);
/// There is nothing to do until the break is another one than this.
static DONE: AtomicUsize = AtomicUsize::new(0);
/// Some thread is at work here.
static BUSY: AtomicBool = AtomicBool::new(false);
/// Looks still to wait.
static WAIT: AtomicUsize = AtomicUsize::new(0);

/// Whether rules have had their turn around this block, and well beyond it.
pub fn is_settled(chunk: &Chunk) -> bool {
    let (acted, now) = (ACTED.load(Relaxed), last_break());
    now == DONE.load(Relaxed) || acted != 0 && chunk.end + MARGIN <= acted && acted <= now
}

/// The break as glibc last set it, without a system call where it says so.
fn last_break() -> usize {
    real::program_break().unwrap_or_else(sys::brk)
}

/// Applies the rules to what is new, and has the heap grow ahead of its use.
pub fn act(live: &Live<'_>, chunk: &Chunk) {
    if BUSY.swap(true, Acquire) {
        return;
    }
    if !advance(live, chunk) {
        DONE.store(last_break(), Relaxed);
    }
    BUSY.store(false, Release);
}

/// False: there is nothing to do until the break moves.
fn advance(live: &Live<'_>, chunk: &Chunk) -> bool {
    let brk = sys::brk();
    let known = LOW.load(Relaxed);
    let low = if known != 0 { known } else { chunk.start & !(PAGE - 1) };
    if chunk.end > brk || chunk.start.saturating_add(NEAR) < low || known == 0 && brk - chunk.start > NEAR {
        return true; // glibc has gone on elsewhere, because the break could not grow
    }
    LOW.store(low, Relaxed);
    let acted = ACTED.load(Relaxed).min(brk);
    ACTED.store(acted, Relaxed);
    let chosen = choose(live, brk - low);
    let (huge, eager) = (is_huge(&chosen), is_eager(&chosen));
    if !act::has_work(&chosen) || acted == 0 && !eager && brk - low < WORTH {
        return false;
    }
    if acted == 0 && huge && !Budget::Growth.try_take(live, HUGE as u64) {
        act::count_skipped(live, &chosen, Reason::BudgetOption);
        return false;
    }
    let step = if huge || eager { tuning::step(live, brk - low) } else { 0 };
    let (ahead, clean) = grown(chunk, brk, step_for(&chosen, step, brk - low));
    // What glibc has added by itself: not for each of its 128 KiB.
    if ahead <= acted || ahead == brk && ahead - acted < HUGE && acted != 0 {
        return step != 0;
    }
    apply(live, acted.max(low), ahead, &chosen);
    ACTED.store(ahead, Relaxed);
    if ahead > brk && huge && !clean {
        // glibc has written a header just beyond the old break: one 4K page where a huge one is wanted.
        collapse(live, brk & !(HUGE - 1));
    }
    step != 0
}

/// A rule that takes memory at once has it taken a quarter ahead of what is used.
fn step_for(chosen: &Chosen, step: usize, used: usize) -> usize {
    if is_eager(chosen) { step.min((used / 4).max(LEAST_EAGER)) } else { step }
}

/// Where the break is once the heap has grown, if it is time; and whether nothing was written beyond the old one.
fn grown(chunk: &Chunk, brk: usize, step: usize) -> (usize, bool) {
    if step == 0 || brk - chunk.end >= MARGIN {
        return (brk, true);
    }
    if WAIT.load(Relaxed) > 0 {
        WAIT.fetch_sub(1, Relaxed);
        return (brk, true);
    }
    let grown = tuning::grow(top(chunk, brk), brk - chunk.end, step);
    if grown.is_none() {
        WAIT.store(PATIENCE, Relaxed);
    }
    (sys::brk(), grown.is_none_or(|clean| clean.0))
}

/// Bytes of the top, the chunk that ends at the break: found by going from chunk to chunk. Another thread may change their
/// sizes meanwhile: a wrong answer costs some 4K pages.
fn top(chunk: &Chunk, brk: usize) -> Option<usize> {
    const MOST: usize = 64;
    let mut at = chunk.end;
    for _ in 0..MOST {
        if at + 32 > brk || !at.is_multiple_of(16) {
            return None;
        }
        // SAFETY: between a live block and the break the heap is mapped; any value will do.
        let size = unsafe { ((at + 8) as *const usize).read_volatile() } & !7;
        match brk.checked_sub(at) {
            Some(rest) if size == rest => return Some(size),
            Some(rest) if size >= 32 && size < rest => at += size,
            _ => return None,
        }
    }
    None
}

/// malloc_trim is about to give back what is free inside the heap, which a lock of ours would refuse.
pub fn before_trim(live: &Live<'_>) {
    let low = LOW.load(Relaxed);
    if low != 0 && !regions::none() {
        regions::unlock(live, low, sys::brk().saturating_sub(low));
    }
}

/// In a forked child: nobody is at work.
pub fn start_in_child() {
    BUSY.store(false, Relaxed);
    DONE.store(0, Relaxed);
}
