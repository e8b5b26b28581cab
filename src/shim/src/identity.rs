//! Who we are: the process that our state belongs to, told from its forked and its vfork children.
//!
//! What must hold here: a forked child, also one by a raw clone, is seen before anything of its parent's is written; a
//! vfork child, which shares its parent's memory, is never taken for one.

use crate::sync::{AtomicBool, AtomicU32, Ordering::*};
use crate::sys;

/// The process that the state belongs to.
#[unsafe(link_section = ".bss.start")]
static PID: AtomicU32 = AtomicU32::new(0);

/// A page of its own that the kernel wipes in a forked child (MADV_WIPEONFORK, Linux 4.14).
#[repr(C, align(4096))]
struct Sentinel(AtomicU32, [u8; 4092]);
const _: () = assert!(align_of::<Sentinel>() == sys::PAGE, "it has pages of its own");
static SENTINEL: Sentinel = Sentinel(AtomicU32::new(0), [0; 4092]);
/// The kernel knows MADV_WIPEONFORK, and the sentinel is set.
static WIPES: AtomicBool = AtomicBool::new(false);

/// The process that the constructor, or a fork, has made the state for.
pub fn pid() -> u32 {
    PID.load(Relaxed)
}

/// The state is this process's from here on.
pub fn take_over() {
    PID.store(sys::getpid(), Release);
}

/// Whether this code runs in the process that the state belongs to, and not in its vfork child.
pub fn is_own_process() -> bool {
    sys::getpid() == pid()
}

/// Arms the sentinel, before the first thing is done that a forked child must know of. Not at the start: it costs two
/// splits of a mapping, and most processes of a tree do nothing.
pub fn arm() {
    static ARMED: AtomicBool = AtomicBool::new(false);
    if ARMED.swap(true, Relaxed) {
        return;
    }
    const MADV_WIPEONFORK: i32 = 18;
    SENTINEL.0.store(1, SeqCst);
    // SAFETY: a page of our own .bss, which holds nothing but the sentinel.
    let wipes = unsafe { sys::madvise((&raw const SENTINEL) as usize, sys::PAGE, MADV_WIPEONFORK) }.is_ok();
    WIPES.store(wipes, Release);
}

/// Whether this is a forked child that has not yet become a process of its own.
pub fn is_new_child() -> bool {
    WIPES.load(Acquire) && SENTINEL.0.load(Acquire) == 0
}

/// Whether every forked child is told, also one by a raw clone.
pub fn tells_children() -> bool {
    WIPES.load(Acquire)
}

/// Claims the change from child to process of its own; false: it has been made. Without a sentinel the fork handler is
/// the only one to ask.
pub fn begin_as_child() -> bool {
    SENTINEL.0.swap(1, AcqRel) == 0 || !WIPES.load(Acquire)
}
