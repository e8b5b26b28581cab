//! The heaps of glibc's thread arenas: 64 MiB reserved each, on a boundary of 64 MiB, made writable in small steps.
//!
//! What must hold here: the heap's own header is read, never written; a heap that glibc has unmapped and made anew at the
//! same address is told by its size, which only ever grew before. A thread that uses little of its arena must not get
//! a huge page for it: the first 2 MiB of an arena wait until a quarter of them is used.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

use faultless_core::matching::Chosen;
use faultless_core::reason::Reason;
use faultless_core::rules::Axis;

use super::{Chunk, MARGIN, WORTH, apply, choose, collapse, is_eager, is_huge, tuning};
use crate::act;
use crate::budget::Budget;
use crate::live::Live;
use crate::sys::{self, HUGE, PAGE};

/// HEAP_MAX_SIZE of every glibc on 64 bits.
const HEAP: usize = 64 << 20;
/// Heaps that are remembered at one time; others take their places.
const PLACES: usize = 1024;
/// A rule that takes memory at once has it taken in steps of this.
const EAGER_STEP: usize = 4 << 20;

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
        // SAFETY: a chunk with NON_MAIN_ARENA lies in such a heap, which begins on its boundary.
        let info = unsafe { ((chunk.start & !(HEAP - 1)) as *const Info).read_volatile() };
        let whole = info.size.is_multiple_of(PAGE) && info.writable.is_multiple_of(PAGE);
        let inside = chunk.end - (chunk.start & !(HEAP - 1)) <= info.size;
        (whole && inside && info.size <= info.writable && info.writable <= HEAP).then_some(info)
    }
}

/// A heap that we know.
struct Known {
    base: AtomicUsize,
    /// bytes that glibc had made writable when we last looked
    seen: AtomicUsize,
    /// up to where rules have had their turn
    acted: AtomicUsize,
    /// they have had it in the first 2 MiB too
    first: AtomicBool,
    /// some thread is at work here
    busy: AtomicBool,
}

static KNOWN: [Known; PLACES] = [const {
    Known {
        base: AtomicUsize::new(0),
        seen: AtomicUsize::new(0),
        acted: AtomicUsize::new(0),
        first: AtomicBool::new(false),
        busy: AtomicBool::new(false),
    }
}; PLACES];

fn place(base: usize) -> &'static Known {
    const { assert!(PLACES.is_power_of_two()) };
    // The index is always inside; the first place is what the compiler is told.
    KNOWN.get(base / HEAP % PLACES).unwrap_or(&KNOWN[0])
}

/// Whether rules have had their turn around this block, and well beyond it.
pub fn is_settled(chunk: &Chunk) -> bool {
    let base = chunk.start & !(HEAP - 1);
    let known = place(base);
    let Some(info) = Info::of(chunk) else { return true };
    known.base.load(Relaxed) == base
        && info.writable >= known.seen.load(Relaxed)
        && (known.first.load(Relaxed) || chunk.end - base < WORTH)
        && (chunk.end + MARGIN).min(base + HEAP) <= known.acted.load(Relaxed)
        && {
            known.seen.store(info.writable, Relaxed);
            true
        }
}

/// Opens the heap ahead of its use and applies the rules to it.
pub fn act(live: &Live<'_>, chunk: &Chunk) {
    let base = chunk.start & !(HEAP - 1);
    let (known, Some(info)) = (place(base), Info::of(chunk)) else { return };
    if known.busy.swap(true, Acquire) {
        return;
    }
    if known.base.load(Relaxed) != base || info.writable < known.seen.load(Relaxed) {
        known.base.store(base, Relaxed);
        known.acted.store(0, Relaxed);
        known.first.store(false, Relaxed);
    }
    known.seen.store(info.writable, Relaxed);
    let mut chosen = choose(live, HEAP);
    // glibc gives the end of such a heap back by its own MADV_DONTNEED: on locked memory it fails, the memory stays, and a
    // malloc that succeeds leaves EINVAL in errno.
    if let Some((rule, _)) = chosen.stay.take() {
        act::note_skipped(live, rule, Axis::Stay, Reason::Trims);
    }
    if act::has_work(&chosen) {
        advance(live, chunk, &info, known, &chosen);
    }
    known.busy.store(false, Release);
}

fn advance(live: &Live<'_>, chunk: &Chunk, info: &Info, known: &Known, chosen: &Chosen) {
    let base = chunk.start & !(HEAP - 1);
    let acted = known.acted.load(Relaxed);
    let opened = if acted == 0 { open(live, base, info.writable) } else { acted.max(base + info.writable) };
    let (eager, is_first) = (is_eager(chosen), info.previous == 0);
    let end = if eager { opened.min((chunk.end + EAGER_STEP).next_multiple_of(HUGE)) } else { opened };
    // Only the first heap of an arena may stay nearly empty.
    let waits = is_first && is_huge(chosen) && !eager;
    let start = if acted != 0 { acted } else { base + if waits { HUGE } else { 0 } };
    if end > start && (end - start >= HUGE || end == base + HEAP || acted == 0) {
        apply(live, start, end, chosen);
    }
    known.acted.store(end.max(acted), Relaxed);
    if known.first.load(Relaxed) || waits && chunk.end - base < WORTH {
        return;
    }
    known.first.store(true, Relaxed);
    if is_first {
        tuning::add_arena();
    }
    if !is_huge(chosen) {
        return;
    }
    if waits {
        if !Budget::Growth.try_take(live, HUGE as u64) {
            return;
        }
        apply(live, base, (base + HUGE).min(opened), chosen);
    }
    collapse(base);
}

/// Makes the whole heap writable, as glibc would step by step. Returns up to where it is.
fn open(live: &Live<'_>, base: usize, writable: usize) -> usize {
    let rest = HEAP - writable;
    if rest == 0 || !tuning::may_open(live) {
        return base + writable;
    }
    // SAFETY: glibc's own reservation for this heap, which it opens with the same call.
    match unsafe { sys::mprotect(base + writable, rest, libc::PROT_READ | libc::PROT_WRITE) } {
        Ok(_) => base + HEAP,
        Err(_) => base + writable,
    }
}

/// In a forked child: nobody is at work.
pub fn start_in_child() {
    for known in &KNOWN {
        known.busy.store(false, Relaxed);
    }
}
