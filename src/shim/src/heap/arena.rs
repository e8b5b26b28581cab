//! The heaps of glibc's thread arenas: 64 MiB reserved each, on a boundary of 64 MiB, made writable in small steps.
//!
//! What must hold here: of the heap's own header one word is written, and it says what is true: how much of the heap is
//! writable (glibc would otherwise call mprotect for each block, 4096 times for 256 MiB); a heap that glibc has unmapped and made anew at the
//! same address is told by its size, which only ever grew before. A thread that uses little of its arena gets nothing, and
//! each arena that gets huge pages takes one from huge-growth-max, for that is what its end may waste.

use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

use faultless_core::matching::Chosen;
use faultless_core::reason::Reason;
use faultless_core::rules::Axis;

use super::{Chunk, MARGIN, WORTH, apply, choose, collapse, is_eager, is_huge, tuning};
use crate::act;
use crate::budget::Budget;
use crate::live::Live;
use crate::sys::{self, HUGE, PAGE};

/// HEAP_MAX_SIZE of every glibc on 64 bits, unless its hugetlb tunable is set: then heap rules are not opened.
pub const HEAP: usize = 64 << 20;
/// Heaps that are remembered at one time; others take their places.
const PLACES: usize = 1024;
/// So much is made writable ahead of what is in use: it counts as data, and mlockall would make it resident.
const AHEAD: usize = 8 << 20;
/// A rule that takes memory at once has it taken so much ahead.
const EAGER_AHEAD: usize = 4 << 20;

/// glibc's heap_info, of which all versions since 2.5 share this beginning.
#[repr(C)]
#[derive(Clone, Copy)]
struct Info {
    arena: usize,
    previous: usize,
    size: usize,
    writable: usize,
}

impl Info {
    /// The header of the heap that a chunk lies in, if it makes sense.
    fn of(chunk: &Chunk) -> Option<Info> {
        let base = base(chunk);
        // SAFETY: a chunk with NON_MAIN_ARENA lies in such a heap, which begins on its boundary.
        let info = unsafe { (base as *const Info).read_volatile() };
        let whole = info.size.is_multiple_of(PAGE) && info.writable.is_multiple_of(PAGE);
        let is_one = info.arena != 0 && info.arena.is_multiple_of(16) && whole && chunk.end - base <= info.size;
        (is_one && info.size <= info.writable && info.writable <= HEAP).then_some(info)
    }
}

fn base(chunk: &Chunk) -> usize {
    chunk.start & !(HEAP - 1)
}

/// A heap that we know.
struct Known {
    base: AtomicUsize,
    /// bytes that glibc had made writable when we last looked
    seen: AtomicUsize,
    /// up to where it is writable by us
    opened: AtomicUsize,
    /// up to where rules have had their turn
    acted: AtomicUsize,
    /// there is nothing to do until glibc has made more writable than this
    done: AtomicUsize,
    /// some thread is at work here
    busy: AtomicBool,
}

static KNOWN: [Known; PLACES] = [const {
    Known {
        base: AtomicUsize::new(0),
        seen: AtomicUsize::new(0),
        opened: AtomicUsize::new(0),
        acted: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        busy: AtomicBool::new(false),
    }
}; PLACES];
/// Some heap is known.
static ANY: AtomicBool = AtomicBool::new(false);
/// So much of an arena must be in use before anything is done.
static LEAST: AtomicUsize = AtomicUsize::new(WORTH);

fn place(base: usize) -> &'static Known {
    // The index is always inside; the first place is what the compiler is told.
    KNOWN.get(base / HEAP % PLACES).unwrap_or(&KNOWN[0])
}

/// What is chosen for every such heap.
pub fn open(chosen: &Chosen) {
    LEAST.store(if is_eager(chosen) { 0 } else { WORTH }, Relaxed);
}

/// Whether rules have had their turn around this block, and well beyond it.
pub fn is_settled(chunk: &Chunk) -> bool {
    let base = base(chunk);
    let (known, Some(info)) = (place(base), Info::of(chunk)) else { return true };
    if info.previous == 0 && chunk.end - base < LEAST.load(Relaxed) {
        return true;
    }
    let is_it = known.base.load(Relaxed) == base && info.writable >= known.seen.load(Relaxed);
    let is_ahead = || (chunk.end + MARGIN).min(base + HEAP) <= known.acted.load(Relaxed);
    if is_it && (is_ahead() || known.done.load(Relaxed) == info.writable) {
        known.seen.store(info.writable, Relaxed);
        return true;
    }
    false
}

/// Opens the heap ahead of its use and applies the rules to it.
pub fn act(live: &Live<'_>, chunk: &Chunk) {
    let base = base(chunk);
    let (known, Some(info)) = (place(base), Info::of(chunk)) else { return };
    if known.busy.swap(true, Acquire) {
        return;
    }
    ANY.store(true, Relaxed);
    if known.base.load(Relaxed) != base || info.writable < known.seen.load(Relaxed) {
        known.base.store(base, Relaxed);
        known.opened.store(base, Relaxed);
        known.acted.store(0, Relaxed);
        known.done.store(0, Relaxed);
    }
    known.seen.store(info.writable, Relaxed);
    if !advance(live, chunk, &info, known) {
        known.done.store(info.writable, Relaxed);
    }
    known.busy.store(false, Release);
}

/// False: there is nothing to do until glibc makes more of the heap writable.
fn advance(live: &Live<'_>, chunk: &Chunk, info: &Info, known: &Known) -> bool {
    let mut chosen = choose(live, HEAP);
    let acted = known.acted.load(Relaxed);
    // glibc gives the end of such a heap back by its own MADV_DONTNEED: on locked memory it fails, the memory stays, and a
    // malloc that succeeds leaves EINVAL in errno.
    if let Some((rule, _)) = chosen.stay.take()
        && acted == 0
    {
        act::note_skipped(live, rule, Axis::Stay, Reason::Trims);
    }
    let (base, huge, eager) = (base(chunk), is_huge(&chosen), is_eager(&chosen));
    if !act::has_work(&chosen) {
        return false;
    }
    // Only the first heap of an arena may stay nearly empty.
    if acted == 0 && info.previous == 0 {
        if huge && !Budget::Growth.try_take(live, HUGE as u64) {
            act::count_skipped(live, &chosen, Reason::BudgetOption);
            return false;
        }
        if huge || eager {
            tuning::add_arena(live);
        }
    }
    let may_open = (huge || eager) && tuning::may_open(live);
    let wanted = (chunk.end + AHEAD).next_multiple_of(HUGE).min(base + HEAP);
    let opened = if may_open { open_to(known, base + info.writable, wanted) } else { base + info.writable };
    let end = if eager { opened.min((chunk.end + EAGER_AHEAD).next_multiple_of(HUGE)) } else { opened };
    let start = acted.max(base);
    if end > start && (may_open || end - start >= HUGE || acted == 0) {
        apply(live, start, end, &chosen);
        known.acted.store(end, Relaxed);
    }
    if acted == 0 && huge {
        // What 4K pages hold already is a small part of these.
        (base..chunk.end.min(base + 2 * HUGE)).step_by(HUGE).for_each(|slot| collapse(live, slot));
    }
    may_open
}

/// Makes the heap writable up to `wanted`, as glibc would step by step. Returns up to where it is.
fn open_to(known: &Known, by_glibc: usize, wanted: usize) -> usize {
    let opened = known.opened.load(Relaxed).max(by_glibc);
    if wanted <= opened {
        return opened;
    }
    // SAFETY: glibc's own reservation for this heap, which it opens with the same call.
    if unsafe { sys::mprotect(opened, wanted - opened, libc::PROT_READ | libc::PROT_WRITE) }.is_err() {
        return opened;
    }
    known.opened.store(wanted, Relaxed);
    let base = known.base.load(Relaxed);
    // SAFETY: a block of this heap is live, so its header is there; a thread that grows the heap at the same time may write
    // the word too, and either value is true.
    unsafe { ((base + offset_of!(Info, writable)) as *mut usize).write_volatile(wanted - base) };
    known.seen.store(wanted - base, Relaxed);
    wanted
}

/// In a forked child: nobody is at work.
pub fn start_in_child() {
    if ANY.load(Relaxed) {
        KNOWN.iter().filter(|known| known.busy.load(Relaxed)).for_each(|known| known.busy.store(false, Relaxed));
    }
}
