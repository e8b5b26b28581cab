//! The handshake between the thread that works on a range and the hooks that unmap or replace it.
//!
//! What must hold here: the thread says first what it is about to work on, then checks that the slot still is as it was read;
//! a hook changes the slot first, then looks whether the range is being worked on. So one of the two sees the other.

use super::table::{Slot, Watched};
use super::thread;
use crate::sync::{AtomicU32, AtomicUsize, Ordering::*, spin_loop};
use crate::{captive, identity, sys};

/// How long a hook waits, spinning, for what is in the making on its range; what could harm is waited for longer, asleep.
const PATIENCE_NS: u64 = 50_000;

/// How long it sleeps between two looks.
const ASLEEP_NS: u64 = 100_000;

/// What is being worked on just now. `end` is 0 while there is nothing.
static FLIGHT: (AtomicUsize, AtomicUsize) = (AtomicUsize::new(0), AtomicUsize::new(0));
/// What is in flight would do harm to whatever comes to lie there: it is waited for however long it takes.
static IS_FIRM: AtomicU32 = AtomicU32::new(0);

/// Runs what is done to a range of a slot that was read as `watched`, unless the slot has changed since. None: it has.
pub fn act_on<R>(slot: &Slot, watched: &Watched, start: usize, end: usize, f: impl FnOnce() -> R) -> Option<R> {
    if cfg!(feature = "unguarded") {
        return slot.is_still(watched).then(f);
    }
    // Said first, then checked: whoever gives way does it the other way round.
    FLIGHT.0.store(start, SeqCst);
    FLIGHT.1.store(end, SeqCst);
    let result = slot.is_still(watched).then(f);
    FLIGHT.1.store(0, SeqCst);
    result
}

/// The same for what would do harm to another mapping that takes the range's place: hooks wait until it is done.
pub fn act_firmly_on<R>(slot: &Slot, watched: &Watched, start: usize, end: usize, f: impl FnOnce() -> R) -> Option<R> {
    IS_FIRM.store(1, SeqCst);
    let result = act_on(slot, watched, start, end, f);
    IS_FIRM.store(0, SeqCst);
    result
}

/// Waits until nothing is being done to the range: the hook has said before that nothing new may be.
pub fn wait_for_flight(start: usize, end: usize) {
    let is_in_flight = || {
        let to = FLIGHT.1.load(SeqCst);
        to > start && FLIGHT.0.load(SeqCst) < end
    };
    if is_in_flight() {
        let until = sys::now(libc::CLOCK_MONOTONIC) + PATIENCE_NS;
        while is_in_flight() {
            if captive::is_here() || sys::now(libc::CLOCK_MONOTONIC) < until {
                spin_loop();
            } else if IS_FIRM.load(SeqCst) == 0 || identity::is_new_child() || thread::is_gone() {
                return; // what is harmless, or was done by a thread that a forked child doesn't have
            } else {
                sys::wait_while(&IS_FIRM, 1, ASLEEP_NS);
            }
        }
    }
}

/// In a forked child: the thread is the parent's.
pub fn start_in_child() {
    FLIGHT.1.store(0, SeqCst);
    IS_FIRM.store(0, SeqCst);
}
