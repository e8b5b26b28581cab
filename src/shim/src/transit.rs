//! Locks that no record shows: they are being made, or go with their mapping.
//!
//! What must hold here: a passage is open from before a lock is made until it is recorded, from the end of its record until the
//! kernel has let it go, and while a record is unlocked. A call of the program that a limit on locks refuses
//! first keeps new ones of ours from being made, then waits for the open passages of other threads, bounded, and so finds in the
//! records all that there is.

use core::cell::Cell;

use crate::live::Live;
use crate::sync::{AtomicBool, AtomicU32, AtomicUsize, Ordering::*};
use crate::{arch, regions, state, sys};

/// The longest that a call of the program waits (ns): what is open may be open in a thread that has ended in it.
const PATIENCE_NS: u64 = 250_000_000;
/// The longest that a lock of ours waits for its turn (ns).
const MODESTY_NS: u64 = 5_000_000;
/// How long either sleeps between two looks (ns).
const ASLEEP_NS: u64 = 50_000;
/// Passages that may be open at one time and be known by their thread.
const PLACES: usize = 64;

/// Something was locked by us.
static EVER: AtomicBool = AtomicBool::new(false);
/// For each open passage its thread's pointer to its own variables, or 0. A thread does not wait for itself: its signal handler
/// came in between.
static OPEN: [AtomicUsize; PLACES] = [const { AtomicUsize::new(0) }; PLACES];
/// Passages beyond these.
static MORE: AtomicUsize = AtomicUsize::new(0);
/// Calls of the program that need what our locks take.
static WANTED: AtomicU32 = AtomicU32::new(0);
/// What is slept on: nobody wakes anybody.
static NEVER: AtomicU32 = AtomicU32::new(0);

/// While there is one, a lock may be without a record.
#[must_use]
pub struct Passage {
    place: Option<&'static AtomicUsize>,
    thread: usize,
}

impl Passage {
    fn open() -> Passage {
        let thread = arch::thread_pointer();
        let free = |place: &&AtomicUsize| {
            place.load(Relaxed) == 0 && place.compare_exchange(0, thread, SeqCst, Relaxed).is_ok()
        };
        let place = OPEN.iter().find(free);
        if place.is_none() {
            MORE.fetch_add(1, SeqCst);
        }
        Passage { place, thread }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        // A forked child begins with none, also in the middle of one.
        let _ = match self.place {
            Some(place) => place.compare_exchange(self.thread, 0, SeqCst, Relaxed),
            None => MORE.fetch_update(SeqCst, Relaxed, |more| more.checked_sub(1)),
        };
    }
}

/// For a lock that is to be made. None: the program needs the limit for itself just now.
pub fn coming() -> Option<Passage> {
    EVER.store(true, SeqCst);
    let mut until = 0;
    loop {
        // Said first, then looked: whoever wants it does it the other way round.
        let passage = Passage::open();
        let wanted = WANTED.load(SeqCst);
        if wanted == 0 {
            return Some(passage);
        }
        drop(passage);
        if !is_time_left(&mut until, MODESTY_NS) {
            return None;
        }
        sys::wait_while(&WANTED, wanted, ASLEEP_NS);
    }
}

/// Whether less than `most` ns have gone by since the first time that this was asked.
fn is_time_left(until: &mut u64, most: u64) -> bool {
    let now = sys::now(libc::CLOCK_MONOTONIC);
    if *until == 0 {
        *until = now + most;
    }
    now < *until
}

/// For what may be locked, and whose record ends before it goes itself. None: nothing ever was.
pub fn going() -> Option<Passage> {
    EVER.load(Relaxed).then(Passage::open)
}

/// Whether the program needs the limit for itself just now.
pub fn is_wanted() -> bool {
    WANTED.load(SeqCst) != 0
}

/// While there is one, no lock of ours is made.
#[must_use]
pub struct Turn {
    is_open: Cell<bool>,
}

impl Turn {
    /// What was in the way is gone. A child that shares the memory may be killed in the call that it asks again, and nothing
    /// would ever be locked any more: its turn ends here.
    fn is_used(&self) {
        if !state::is_own() {
            self.end();
        }
    }

    fn end(&self) {
        if self.is_open.replace(false) {
            let _ = WANTED.fetch_update(SeqCst, Relaxed, |wanted| wanted.checked_sub(1));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.end();
    }
}

/// The program's call was refused, perhaps because of what we have locked: the records now show all of that. None: there never
/// was anything, and the call would be refused again. The thread that asks must have no passage open.
pub fn turn() -> Option<Turn> {
    if !EVER.load(SeqCst) {
        return None;
    }
    WANTED.fetch_add(1, SeqCst);
    let turn = Turn { is_open: Cell::new(true) };
    wait_for_passages();
    Some(turn)
}

fn wait_for_passages() {
    let me = arch::thread_pointer();
    let of_another = |place: &&AtomicUsize| {
        let thread = place.load(SeqCst);
        thread != 0 && thread != me
    };
    let mut until = 0;
    while (OPEN.iter().any(|place| of_another(&place)) || MORE.load(SeqCst) != 0)
        && is_time_left(&mut until, PATIENCE_NS)
    {
        sys::wait_while(&NEVER, 0, ASLEEP_NS);
    }
}

/// The same, and unlocks all of it.
pub fn unlock_all(live: &Live<'_>) -> Option<Turn> {
    let turn = turn()?;
    regions::unlock_all(live);
    // What others have begun to let go meanwhile had no record any more.
    wait_for_passages();
    turn.is_used();
    Some(turn)
}

/// The same for what is locked in a range.
pub fn unlock(live: &Live<'_>, turn: &Turn, start: usize, len: usize) {
    regions::unlock(live, start, len);
    wait_for_passages();
    turn.is_used();
}

/// In a forked child: what its parent had locked is not locked here, and there is no other thread.
pub fn start_in_child() {
    EVER.store(false, Relaxed);
    OPEN.iter().for_each(|place| place.store(0, Relaxed));
    MORE.store(0, Relaxed);
    WANTED.store(0, Relaxed);
}
