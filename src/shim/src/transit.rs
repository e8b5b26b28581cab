//! Locks that no record shows: they are being made, or go with their mapping.
//!
//! What must hold here: a passage is open from before a lock is made until it is recorded, from the end of its record until the
//! kernel has let it go, and while a record is unlocked. A call of the program that a limit on locks refuses first keeps new ones of ours from being
//! made, then waits for the open passages, bounded, and so finds in the records all that there is.

use crate::live::Live;
use crate::sync::{AtomicBool, AtomicU32, Ordering::*};
use crate::{regions, sys};

/// The longest that a call of the program waits (ns): what is open may be open in the very thread that waits, where a signal
/// has come in between, or in one that has ended in it.
const PATIENCE_NS: u64 = 250_000_000;
/// The longest that a lock of ours waits for its turn (ns).
const MODESTY_NS: u64 = 5_000_000;
/// How long either sleeps between two looks (ns).
const ASLEEP_NS: u64 = 50_000;

/// Something was locked by us.
static EVER: AtomicBool = AtomicBool::new(false);
/// Passages that are open.
static OPEN: AtomicU32 = AtomicU32::new(0);
/// Calls of the program that need what our locks take.
static WANTED: AtomicU32 = AtomicU32::new(0);

/// While there is one, a lock may be without a record.
#[must_use]
pub struct Passage(());

impl Passage {
    fn open() -> Passage {
        OPEN.fetch_add(1, SeqCst);
        Passage(())
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        // A forked child begins at 0, also in the middle of one.
        let _ = OPEN.fetch_update(SeqCst, Relaxed, |open| open.checked_sub(1));
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
pub struct Turn(());

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = WANTED.fetch_update(SeqCst, Relaxed, |wanted| wanted.checked_sub(1));
    }
}

/// The program's call was refused, perhaps because of what we have locked: the records now show all of that. None: there never
/// was anything, and the call would be refused again. The thread that asks must have no passage open.
pub fn turn() -> Option<Turn> {
    if !EVER.load(SeqCst) {
        return None;
    }
    WANTED.fetch_add(1, SeqCst);
    let turn = Turn(());
    wait_for_passages();
    Some(turn)
}

fn wait_for_passages() {
    let mut until = 0;
    loop {
        let open = OPEN.load(SeqCst);
        if open == 0 || !is_time_left(&mut until, PATIENCE_NS) {
            return;
        }
        sys::wait_while(&OPEN, open, ASLEEP_NS);
    }
}

/// The same, and unlocks all of it.
pub fn unlock_all(live: &Live<'_>) -> Option<Turn> {
    let turn = turn()?;
    regions::unlock_all(live);
    // What others have begun to let go meanwhile had no record any more.
    wait_for_passages();
    Some(turn)
}

/// The same for what is locked in a range.
pub fn unlock(live: &Live<'_>, _: &Turn, start: usize, len: usize) {
    regions::unlock(live, start, len);
    wait_for_passages();
}

/// In a forked child: what its parent had locked is not locked here, and there is no other thread.
pub fn start_in_child() {
    EVER.store(false, Relaxed);
    OPEN.store(0, Relaxed);
    WANTED.store(0, Relaxed);
}
