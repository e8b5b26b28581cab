//! What goes on beside the program for as long as it runs: a thread of ours watches mappings of files, and corrects what
//! was done to them (advice that corrects itself, drop-behind, what stays without mlock).
//!
//! What must hold here: the thread exists only while something is watched; it acts on a range only under the handshake
//! (said first, then checked: see [`act_on`]), so that whoever unmaps or replaces the range either finds it at work and
//! waits, or is found to have been first; it keeps its files in a descriptor table of its own, where the program never
//! meets them. Nothing that it does changes content.

mod auto;
mod behind;
mod blocks;
mod pagemap;
mod refresh;
mod table;
mod thread;
mod vitals;

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

use faultless_core::reason::Reason;

use crate::crew;
use crate::live::Live;
use crate::sys;
use crate::target::{Range, Target};

use table::Slot;
pub use table::{AUTO, DROP_BEHIND, REFRESH, Watched};

/// How long a hook waits, spinning, for what is in the making on its range; what could harm is waited for longer, asleep.
const PATIENCE_NS: u64 = 50_000;

/// What is being worked on just now. `end` is 0 while there is nothing.
static FLIGHT: (AtomicUsize, AtomicUsize) = (AtomicUsize::new(0), AtomicUsize::new(0));
/// Something has been watched: until then the hooks pass by.
static USED: AtomicBool = AtomicBool::new(false);

/// Has a mapping watched, on behalf of a rule; `wants` is [`AUTO`] and its like. Otherwise: why not.
pub fn add(live: &Live<'_>, target: &Target, range: Range, rule: u8, wants: u32) -> Result<(), Reason> {
    if !crew::may_start(live) {
        return Err(Reason::Seccomp);
    }
    let identity = target.file.map_or(0, |view| sys::fstat(view.fd).map_or(0, |st| st.id.0.rotate_left(40) ^ st.id.1));
    USED.store(true, SeqCst);
    let watched = Watched {
        start: range.start,
        end: range.end(),
        file_bytes: target.file.map_or(range.len as u64, |view| view.size),
        offset: target.file.map_or(0, |view| view.offset + (range.start - target.range.start) as u64),
        identity,
        rule,
        wants: wants | if target.shared { table::SHARED } else { 0 } | table::was_cold(target),
    };
    if !table::insert(&watched) {
        return Err(Reason::TableFull);
    }
    if thread::see_to_it(live) {
        return Ok(());
    }
    table::forget(range.start, range.end());
    Err(Reason::Busy)
}

/// The program is about to unmap, replace or give up a range: nothing is done to it from here on.
#[inline]
pub fn give_way(start: usize, len: usize) {
    if USED.load(Relaxed) {
        table::forget(start, start.saturating_add(len));
        wait_for_flight(start, start.saturating_add(len));
    }
}

/// The program is about to unmap a range, or to end: what a scan has left of itself there goes first. Waits for that, bounded.
#[inline]
pub fn close(start: usize, len: usize) {
    if USED.load(Relaxed) {
        close_scans(start, start.saturating_add(len));
    }
}

fn close_scans(start: usize, end: usize) {
    /// 32 MiB are dropped in less (ns).
    const MOST_NS: u64 = 20_000_000;
    for slot in table::slots().iter().filter(|slot| slot.overlaps(start, end)) {
        let scan = slot.scan();
        if scan.compare_exchange(table::SCANNING, table::CLOSING, SeqCst, Relaxed).is_err() {
            continue;
        }
        thread::wake();
        let until = sys::ticks() + MOST_NS;
        while scan.load(SeqCst) == table::CLOSING && sys::ticks() < until {
            sys::wait_while(scan, table::CLOSING, MOST_NS);
        }
    }
}

/// The program makes a range writable: a private mapping of a file has pages of its own from here on.
#[inline]
pub fn made_writable(start: usize, len: usize) {
    if USED.load(Relaxed) {
        table::forget_private(start, start.saturating_add(len));
        wait_for_flight(start, start.saturating_add(len));
    }
}

/// The program is about to move or resize a mapping: it is watched no longer. Returns what was watched there, for
/// [`moved`].
pub fn lift(start: usize, len: usize) -> Option<Watched> {
    if !USED.load(Relaxed) {
        return None;
    }
    let lifted = table::lift(start, start.saturating_add(len));
    wait_for_flight(start, start.saturating_add(len));
    lifted
}

/// Where a mapping that was lifted is now.
pub fn moved(live: &Live<'_>, watched: Watched, start: usize, len: usize) {
    if table::insert(&Watched { start, end: start + len, ..watched }) {
        let _ = thread::see_to_it(live);
    }
}

/// Runs what is done to a range of a slot that was read as `watched`, unless the slot has changed since. None: it has.
fn act_on<R>(slot: &Slot, watched: &Watched, start: usize, end: usize, f: impl FnOnce() -> R) -> Option<R> {
    // Said first, then checked: whoever gives way does it the other way round.
    FLIGHT.0.store(start, SeqCst);
    FLIGHT.1.store(end, SeqCst);
    let result = slot.is_still(watched).then(f);
    FLIGHT.1.store(0, SeqCst);
    result
}

fn wait_for_flight(start: usize, end: usize) {
    let is_in_flight = || {
        let to = FLIGHT.1.load(SeqCst);
        to > start && FLIGHT.0.load(SeqCst) < end
    };
    if is_in_flight() {
        let until = sys::now(libc::CLOCK_MONOTONIC) + PATIENCE_NS;
        while is_in_flight() && sys::now(libc::CLOCK_MONOTONIC) < until {
            core::hint::spin_loop();
        }
    }
}

/// No thread from here on: it is told to end, and waited for, bounded.
pub fn end() {
    if USED.load(SeqCst) {
        close_scans(0, usize::MAX);
        thread::end();
    }
}

/// The program makes a call that wants a single thread: ours ends, and comes back with [`come_back`].
pub fn stand_aside() {
    if USED.load(SeqCst) {
        thread::pause();
    }
}

/// See [`stand_aside`].
pub fn come_back(live: &Live<'_>) {
    if USED.load(SeqCst) {
        thread::resume(live);
    }
}

/// In a forked child: nothing is watched.
pub fn start_in_child() {
    if USED.swap(false, SeqCst) {
        table::clear();
        FLIGHT.1.store(0, SeqCst);
        thread::start_in_child();
    }
}
