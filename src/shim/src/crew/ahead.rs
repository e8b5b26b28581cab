//! Work that nobody waits for: a thread of ours populates ahead of the program's touch (`populate=async`), and puts on huge
//! pages what had to do without (`scarce`).
//!
//! What must hold here: nobody waits for a place in the queue, and nothing in it is locked: each entry is one word, changed
//! by compare-and-swap. A range that the program unmaps, replaces or gives up is taken out of the queue first, and the
//! piece of it that is in the making is waited for, bounded. (Memory of somebody else at the same address would only be
//! populated, never changed.) The thread begins with the first entry and ends when it has had nothing to do for a
//! while, because some programs must be single-threaded for a call.

use faultless_core::reason::Reason;

use super::entry::{Entry, Work};
use super::{Place, piece};
use crate::live::Live;
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::*, spin_loop};
use crate::sys::{self, HUGE};
use crate::target::Range;

/// Ranges that wait at one time.
const ENTRIES: usize = 64;
/// Bytes between two looks at the queue: 0.2 ms on huge pages, 1 ms on small ones. For so long a call of the program that
/// changes its mappings may wait, because the kernel populates a piece with the address space's lock held for reading.
pub const PIECE: usize = HUGE;
/// How long the hooks wait for a piece.
const PATIENCE_NS: u64 = 50_000;
/// How long the thread stays with nothing to do.
const IDLE_NS: u64 = 100_000_000;
/// How long a range rests on 4K pages before it is put on huge ones: by then it is no longer being filled.
const REST_NS: u64 = 1_000_000_000;
/// How long a new thread waits for the last one's stack.
const LEAVING_NS: u64 = 1_000_000;

/// An entry, and when its turn comes (CLOCK_MONOTONIC in ns). Two who ask for the same free place at once may mix up their
/// times; the entry is one's or the other's.
struct Slot {
    word: AtomicU64,
    due: AtomicU64,
}

static QUEUE: [Slot; ENTRIES] = [const { Slot { word: AtomicU64::new(Entry::NONE), due: AtomicU64::new(0) } }; ENTRIES];
/// Where the next entry goes.
static NEXT: AtomicUsize = AtomicUsize::new(0);
/// The piece in the making, as an entry.
static IN_FLIGHT: AtomicU64 = AtomicU64::new(Entry::NONE);
/// Something has been in the queue.
static USED: AtomicBool = AtomicBool::new(false);
/// A thread serves the queue, or is about to.
static SERVED: AtomicBool = AtomicBool::new(false);
/// Changes with every request: what the thread sleeps on.
static ASKED: AtomicU32 = AtomicU32::new(0);
/// How many want no thread here: calls that must be alone, a filter that comes, the end.
static HOLDS: AtomicU32 = AtomicU32::new(0);
static PLACE: Place = Place::new();

/// Has a range worked on, on behalf of a rule. Otherwise: why not.
pub fn ask(live: &Live<'_>, range: Range, work: Work, rule: u8) -> Result<(), Reason> {
    if !super::may_start(live) {
        return Err(Reason::Seccomp);
    }
    if HOLDS.load(Relaxed) != 0 || range.end() > Entry::HIGHEST {
        return Err(Reason::Busy);
    }
    if !piece::can(range.start, work) {
        return Err(Reason::OldKernel);
    }
    USED.store(true, SeqCst);
    let due = if work == Work::Collapse { sys::ticks() + REST_NS } else { 0 };
    let mut at = range.start;
    while at < range.end() {
        let entry = Entry::new(at, range.end(), work, rule);
        if !push(entry, due) {
            cancel(range.start, range.end());
            return Err(Reason::Busy);
        }
        at = entry.end();
    }
    if see_to_it(live) {
        return Ok(());
    }
    cancel(0, usize::MAX);
    Err(Reason::Busy)
}

fn push(entry: Entry, due: u64) -> bool {
    let first = NEXT.fetch_add(1, Relaxed);
    let mut slots = (0..ENTRIES).filter_map(|turn| QUEUE.get((first + turn) % ENTRIES));
    slots.any(|slot| {
        slot.word.load(Relaxed) == Entry::NONE && {
            slot.due.store(due, Relaxed);
            slot.word.compare_exchange(Entry::NONE, entry.word(), SeqCst, Relaxed).is_ok()
        }
    })
}

/// Wakes the thread, or starts one.
fn see_to_it(live: &Live<'_>) -> bool {
    ASKED.fetch_add(1, SeqCst);
    if SERVED.load(SeqCst) {
        sys::wake(&ASKED);
        return true;
    }
    // Nobody may jump out of this half-way.
    let Ok(mask) = sys::block_signals() else { return false };
    let mut served = SERVED.swap(true, SeqCst);
    if !served {
        served = PLACE.start_when_empty(live, serve, LEAVING_NS);
        SERVED.store(served, SeqCst);
    }
    sys::restore_signals(mask);
    served
}

/// The thread.
fn serve() {
    sys::leave_realtime();
    loop {
        let asked = ASKED.load(SeqCst);
        let due = loop {
            if HOLDS.load(SeqCst) != 0 {
                return SERVED.store(false, SeqCst);
            }
            if let Some(due) = work() {
                break due;
            }
        };
        if ASKED.load(SeqCst) != asked {
            continue;
        }
        let rest = due.saturating_sub(sys::ticks()).min(REST_NS);
        sys::wait_while(&ASKED, asked, if due == NEVER { IDLE_NS } else { rest });
        if due == NEVER && ASKED.load(SeqCst) == asked {
            // Whoever asks from here on starts another; whoever has asked just before is seen.
            SERVED.store(false, SeqCst);
            if ASKED.load(SeqCst) == asked || SERVED.swap(true, SeqCst) {
                return;
            }
        }
    }
}

/// Nothing waits for its turn.
const NEVER: u64 = u64::MAX;

/// Works on one piece of the oldest entry whose turn has come. If there is none: when the next one's comes.
fn work() -> Option<u64> {
    static AT: AtomicUsize = AtomicUsize::new(0);
    let first = AT.load(Relaxed);
    let slots = (first..first + ENTRIES).filter_map(|turn| Some((turn % ENTRIES, QUEUE.get(turn % ENTRIES)?)));
    let (now, mut next) = (sys::ticks(), NEVER);
    for (at, slot) in slots {
        let word = slot.word.load(SeqCst);
        let Some(entry) = Entry::of(word) else { continue };
        let due = slot.due.load(Relaxed);
        if due > now {
            next = next.min(due);
            continue;
        }
        AT.store(at, Relaxed);
        let (piece, rest) = entry.split_at((entry.start() + PIECE) & !(PIECE - 1));
        // Said first, then taken: whoever cancels looks the other way round.
        IN_FLIGHT.store(piece.word(), SeqCst);
        let is_ours = slot.word.compare_exchange(word, rest.map_or(Entry::NONE, Entry::word), SeqCst, SeqCst).is_ok();
        let goes_on = !is_ours || piece::run(piece, rest);
        IN_FLIGHT.store(Entry::NONE, SeqCst);
        if let (false, Some(rest)) = (goes_on, rest) {
            cancel(rest.start(), rest.end());
        }
        return None;
    }
    Some(next)
}

/// Takes what lies between two addresses out of the queue.
fn cancel(start: usize, end: usize) {
    for slot in &QUEUE {
        let mut word = slot.word.load(SeqCst);
        while let Some(entry) = Entry::of(word).filter(|e| e.start() < end && e.end() > start) {
            let (head, tail) = entry.without(start, end);
            let left = head.or(tail).map_or(Entry::NONE, Entry::word);
            match slot.word.compare_exchange(word, left, SeqCst, SeqCst) {
                Ok(_) => {
                    if let (Some(_), Some(tail)) = (head, tail) {
                        push(tail, slot.due.load(Relaxed));
                    }
                    break;
                }
                Err(now) => word = now,
            }
        }
    }
}

/// The program is about to unmap, replace or give up a range: nothing is done to it from here on.
#[inline]
pub fn give_way(start: usize, len: usize) {
    if USED.load(Relaxed) {
        give_way_to(start, start.saturating_add(len));
    }
}

fn give_way_to(start: usize, end: usize) {
    cancel(start, end);
    let is_in_flight =
        || Entry::of(IN_FLIGHT.load(SeqCst)).is_some_and(|piece| piece.start() < end && piece.end() > start);
    if is_in_flight() {
        let until = sys::now(libc::CLOCK_MONOTONIC) + PATIENCE_NS;
        while is_in_flight() && sys::now(libc::CLOCK_MONOTONIC) < until {
            spin_loop();
        }
    }
}

/// No thread from here on: it is told to end, and waited for, bounded (ns). What is still in the queue is forgotten.
pub fn end(patience: u64) {
    leave(patience, || cancel(0, usize::MAX));
}

/// The same, and what is in the queue waits.
pub fn pause(patience: u64) {
    leave(patience, || ());
}

fn leave(patience: u64, first: impl FnOnce()) {
    HOLDS.fetch_add(1, SeqCst);
    if !USED.load(SeqCst) {
        return;
    }
    first();
    ASKED.fetch_add(1, SeqCst);
    if SERVED.load(SeqCst) {
        sys::wake(&ASKED);
    }
    PLACE.see_off(patience);
}

/// After [`end`] or [`pause`]: there may be a thread all the same, unless somebody else wants none.
pub fn go_on() {
    let _ = HOLDS.fetch_update(SeqCst, SeqCst, |holds| holds.checked_sub(1));
}

/// After that: what is in the queue has a thread again; where there is none to be had, it is forgotten.
pub fn come_back(live: &Live<'_>) {
    let waits = QUEUE.iter().any(|slot| slot.word.load(SeqCst) != Entry::NONE);
    if waits && HOLDS.load(SeqCst) == 0 && !see_to_it(live) {
        cancel(0, usize::MAX);
    }
}

/// Whether the kernel counts a thread of this kind.
pub fn has_thread() -> bool {
    PLACE.is_counted()
}

/// In a forked child: nothing waits, and nobody serves it.
pub fn start_in_child() {
    HOLDS.store(0, SeqCst);
    if !USED.swap(false, SeqCst) {
        return;
    }
    for slot in &QUEUE {
        slot.word.store(Entry::NONE, Relaxed);
    }
    IN_FLIGHT.store(Entry::NONE, Relaxed);
    SERVED.store(false, Relaxed);
    PLACE.empty();
}
