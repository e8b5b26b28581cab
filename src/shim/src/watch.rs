//! What goes on beside the program for as long as it runs: a thread of ours watches mappings of files, and corrects what
//! was done to them (advice that corrects itself, drop-behind, what stays without mlock).
//!
//! What must hold here: the thread exists only while something is watched; it acts on a range only under the handshake
//! (said first, then checked: see `flight`), so that whoever unmaps or replaces the range either finds it at work and
//! waits, or is found to have been first; it keeps its files in a descriptor table of its own, where the program never
//! meets them. Nothing that it does changes content.

mod auto;
mod behind;
mod blocks;
mod flight;
mod hooks;
mod hot;
mod pagemap;
mod pressure;
mod refresh;
mod scan;
mod table;
mod thread;
mod vitals;

use core::sync::atomic::Ordering::*;

use faultless_core::reason::Reason;

use crate::captive;
use crate::crew;
use crate::identity;
use crate::learnt::Known;
use crate::live::Live;
use crate::mapping;
use crate::sys;
use crate::target::{Range, Target};

use flight::{act_firmly_on, act_on};
use hooks::{FAULTING, USED};
pub use hooks::{give_way, gives_up, lift, locks_itself, made_writable, saw_userfaultfd, says_how_it_reads};
pub use table::{AUTO, DROP_BEHIND, HELD, HOT, REFRESH, Watched};

/// Has a mapping watched, on behalf of a rule; `wants` is [`AUTO`] and its like. Otherwise: why not.
pub fn add(live: &Live<'_>, target: &Target, range: Range, rule: u8, wants: u32) -> Result<(), Reason> {
    if !crew::may_start(live) {
        return Err(Reason::Seccomp);
    }
    let identity = target.file.map_or(0, |view| sys::fstat(view.fd).map_or(0, |st| identity_of(&st)));
    USED.store(true, SeqCst);
    let watched = Watched {
        start: range.start,
        end: range.end(),
        file_bytes: target.file.map_or(range.len as u64, |view| view.size),
        offset: target.file.map_or(0, |view| view.offset + (range.start - target.range.start) as u64),
        identity,
        rule,
        wants: wants
            | if target.shared { table::SHARED } else { 0 }
            | if target.segment { table::WHOLE } else { 0 }
            | if may_have_holes(target) { table::HOLES } else { 0 }
            | if wants & table::ACCESS != 0 { table::was_cold(target) } else { 0 },
    };
    if wants & FAULTING != 0 && mapping::has_userfaultfd() {
        return Err(Reason::ProgramAdvice);
    }
    if !table::insert(&watched) {
        return Err(Reason::TableFull);
    }
    if thread::see_to_it(live) {
        return Ok(());
    }
    table::forget(range.start, range.end(), |_, _| ());
    Err(Reason::Busy)
}

/// Whether what is missing of it is a hole that a read would fill.
fn may_have_holes(target: &Target) -> bool {
    target.file.map_or(target.shared, |view| sys::is_of_memory(view.fd))
}

/// Tells one file from another.
fn identity_of(st: &sys::Stat) -> u64 {
    st.id.0.rotate_left(40) ^ st.id.1
}

/// Has the thread bring and lock what an earlier life found hot of a mapping that was just made, and waits for it, within
/// populate-time-max: the program's first look finds it there.
pub fn warm(live: &Live<'_>, start: usize, known: Known) {
    /// How long it sleeps at a time: the thread may end meanwhile.
    const PIECE_NS: u64 = 2_000_000;
    let is_it = |slot: &&table::Slot| slot.read().is_some_and(|(w, _)| w.start == start && w.wants & HOT != 0);
    let Some(slot) = table::slots().iter().find(is_it) else { return };
    let until = live.deadline();
    slot.known().store(known.word(), SeqCst);
    thread::wake();
    while slot.known().load(SeqCst) == known.word() && !thread::is_gone() && !identity::is_new_child() {
        if sys::now(libc::CLOCK_MONOTONIC) > until {
            break; // it goes on without us
        }
        sys::wait_while(slot.known(), known.word(), PIECE_NS);
    }
}

/// Has the thread look at what is new in the table of opened files: at once, or when it comes by. False: there is none to be
/// had.
pub fn look_at_descriptors(live: &Live<'_>, at_once: bool) -> bool {
    USED.store(true, SeqCst);
    !at_once && scan::is_due_soon() || thread::see_to_it(live)
}

/// Has the thread look now.
pub fn look_now() {
    thread::wake();
}

/// Whether there is no thread.
pub fn is_thread_gone() -> bool {
    thread::is_gone()
}

/// Whether the kernel counts a thread that watches.
pub fn has_thread() -> bool {
    thread::is_counted()
}

/// The program is about to unmap a range, or to end: what a scan has left of itself there goes first. Waits for that, bounded.
#[inline]
pub fn close(start: usize, len: usize) {
    if USED.load(Relaxed) && !captive::is_here() {
        close_scans(start, start.saturating_add(len));
    }
}

fn close_scans(start: usize, end: usize) {
    /// 32 MiB are dropped in less (ns).
    const MOST_NS: u64 = 20_000_000;
    /// How long it sleeps at a time: the thread may end meanwhile.
    const PIECE_NS: u64 = 2_000_000;
    let mut until = 0;
    for slot in table::slots().iter().filter(|slot| slot.overlaps(start, end)) {
        let scan = slot.scan();
        if thread::is_gone() || scan.compare_exchange(table::SCANNING, table::CLOSING, SeqCst, Relaxed).is_err() {
            continue;
        }
        if identity::is_new_child() {
            return; // the thread is the parent's
        }
        thread::wake();
        let began = sys::ticks();
        until = if until == 0 { began + MOST_NS } else { until };
        while scan.load(SeqCst) == table::CLOSING && sys::ticks() < until && !thread::is_gone() {
            sys::wait_while(scan, table::CLOSING, PIECE_NS);
        }
    }
}

/// Where a mapping that was lifted is now.
pub fn moved(live: &Live<'_>, watched: Watched, start: usize, len: usize) {
    if table::insert(&Watched { start, end: start + len, ..watched }) {
        let _ = thread::see_to_it(live);
    }
}

/// No thread from here on: it is told to end, and waited for, bounded.
pub fn end() {
    if USED.load(SeqCst) {
        close_scans(0, usize::MAX);
        thread::end();
    }
}

/// The program makes a call that wants a single thread: ours ends, and comes back with [`come_back`], to what it had.
/// It is waited for, bounded (ns).
pub fn stand_aside(patience: u64) {
    thread::pause(patience);
}

/// The same, and nothing of what it has done is left, because it may never come back.
pub fn withdraw() {
    thread::clear(crew::LONG_PATIENCE_NS);
}

/// See [`stand_aside`]: it is started if there is something for it to do.
pub fn come_back(live: &Live<'_>) {
    thread::resume();
    start(live);
}

/// See [`withdraw`]: whoever asks next may start it.
pub fn may_begin_anew() {
    thread::resume_anew();
}

/// The same, and it is started if there is something for it to do.
pub fn begin_anew(live: &Live<'_>) {
    thread::resume_anew();
    start(live);
}

fn start(live: &Live<'_>) {
    if USED.load(SeqCst) {
        thread::go_on(live);
    }
}

/// In a forked child: nothing is watched.
pub fn start_in_child() {
    if USED.swap(false, SeqCst) {
        table::clear();
        scan::start_in_child();
        flight::start_in_child();
        thread::start_in_child();
    }
    thread::nobody_waits();
}
