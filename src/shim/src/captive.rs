//! Children that share our memory, as vfork's do, and that have put a seccomp filter on themselves: in them we make no system
//! call, and what a seal would write is their parent's.
//!
//! What must hold here: such a child is known by its thread pointer, which as a rule is that of the thread that waits for it.
//! So the mark must end with the child, however that ends: it is the word that the kernel wipes when a thread ends or runs
//! another program (set_tid_address(2)), and it wipes it before the parent goes on.

use core::ffi::c_long;

use crate::sync::{AtomicBool, AtomicU32, AtomicUsize, Ordering::*};
use crate::{arch, limits, state, sys};

/// Such children at one time.
const PLACES: usize = 16;
/// [`Place::word`] of one that is free (the kernel wipes it with 0), of one that is not yet filled, and of a marked child.
const FREE: u32 = 0;
const COMING: u32 = 1;
const MARKED: u32 = 2;

struct Place {
    word: AtomicU32,
    /// the child's pointer to its own variables
    thread: AtomicUsize,
}

static CAPTIVES: [Place; PLACES] =
    [const { Place { word: AtomicU32::new(FREE), thread: AtomicUsize::new(0) } }; PLACES];
/// There has been one: until then the hooks pass by.
#[unsafe(link_section = ".bss.start")]
static EVER: AtomicBool = AtomicBool::new(false);

/// Whether this code runs in such a child.
#[inline]
pub fn is_here() -> bool {
    EVER.load(Relaxed) && is_marked(arch::thread_pointer())
}

#[cold]
fn is_marked(thread: usize) -> bool {
    CAPTIVES.iter().any(|place| place.word.load(Acquire) == MARKED && place.thread.load(Relaxed) == thread)
}

/// Runs a call that may bring a filter, in a child that shares our memory.
pub fn bring(call: impl FnOnce() -> c_long) -> c_long {
    let take = |place: &&Place| place.word.compare_exchange(FREE, COMING, Acquire, Relaxed).is_ok();
    // A child that clone(2) has promised a word of its own keeps that; and where a filter came along from the start, it may
    // forbid the calls that are needed to mark it.
    let may_be_marked = !limits::seccomp_at_start() && !sys::has_a_word_wiped();
    let Some(place) = CAPTIVES.iter().find(|place| may_be_marked && take(place)) else {
        return seal_all(call);
    };
    if !sys::have_wiped(Some(&place.word)) {
        // a mark that outlasts the child would be its parent's
        place.word.store(FREE, Release);
        return seal_all(call);
    }
    place.thread.store(arch::thread_pointer(), Relaxed);
    place.word.store(MARKED, Release);
    EVER.store(true, Relaxed);
    let result = call();
    if result < 0 {
        place.word.store(FREE, Release);
        sys::have_wiped(None);
    }
    result
}

/// Nobody who shares the memory acts any more: better than to have the child killed.
fn seal_all(call: impl FnOnce() -> c_long) -> c_long {
    state::ready_to_seal_all();
    let result = call();
    match result >= 0 {
        true => state::seal(),
        false => state::not_sealed_all(),
    }
    result
}

/// In a forked child: those that its parent knew are not there.
pub fn start_in_child() {
    if EVER.swap(false, Relaxed) {
        CAPTIVES.iter().for_each(|place| place.word.store(FREE, Relaxed));
    }
}
