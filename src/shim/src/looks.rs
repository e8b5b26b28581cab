//! The program looks how many threads it has (in `/proc/self/task`, `stat` or `status`): if it has but one, ours are away for as
//! long as it looks. Some that find two do not fork (chromium's zygote), warn (Python from 3.12 on), or do without the local time
//! zone (the `time` crate of Rust).
//!
//! What must hold here: nothing is asked where no thread of ours has been; each look that sends them away lets them come back,
//! once: when what was opened is closed, or with the first thing that hooks do after [`MOST_NS`].

use core::ffi::{CStr, c_char, c_int};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};

use crate::crew::ahead;
use crate::live::Live;
use crate::{crew, limits, state, sys, watch};

/// How long a look takes at most: who keeps the file open longer watches itself, and reads it now and then (ns).
const MOST_NS: u64 = 100_000_000;

/// What the program has open for its look, as [`of_descriptor`] or the address of its stream; 0: nothing.
static OPEN: AtomicUsize = AtomicUsize::new(0);
/// CLOCK_MONOTONIC in ns.
static UNTIL: AtomicU64 = AtomicU64::new(0);

/// What tells how many there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// the folder with one folder each, of which stat(2) counts the links
    Folder,
    /// that, or one of the files with a field for it
    FolderOrFile,
}

/// A descriptor as what is open.
pub fn of_descriptor(fd: c_int) -> usize {
    fd as u32 as usize + 1
}

/// Whether the path, from this folder on, is such a look. A folder of the program's choice may be /proc/self itself.
///
/// # Safety
/// Null, or a path that the kernel has just read.
pub unsafe fn is_look(folder: c_int, path: *const c_char, what: What) -> bool {
    if !crew::has_been() || path.is_null() {
        return false;
    }
    // SAFETY: as the caller says.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    let mut parts = path.rsplit(|byte| *byte == b'/').skip_while(|part| part.is_empty());
    let is_what = match parts.next() {
        Some(b"task") => true,
        Some(b"stat" | b"status") => what == What::FolderOrFile,
        _ => false,
    };
    is_what
        && match parts.next() {
            Some(b"self" | b"thread-self") => true,
            Some(name) => is_our_number(name),
            None => folder != libc::AT_FDCWD,
        }
}

fn is_our_number(name: &[u8]) -> bool {
    let digit = |value: u64, byte: &u8| byte.is_ascii_digit().then(|| value.wrapping_mul(10) + u64::from(byte - b'0'));
    name.iter().try_fold(0, digit).is_some_and(|number| number == sys::getpid() as u64)
}

/// Whether all threads but one are ours, and there are such.
pub fn finds_ours() -> bool {
    let ours = u64::from(!watch::is_thread_gone()) + u64::from(!ahead::is_gone());
    ours > 0 && limits::standing().threads == ours + 1
}

/// The program has opened this for its look.
pub fn begin(live: &Live<'_>, open: usize) {
    if OPEN.load(SeqCst) == 0 && !finds_ours() {
        return;
    }
    state::stand_aside();
    UNTIL.store(sys::now(libc::CLOCK_MONOTONIC) + MOST_NS, SeqCst);
    if OPEN.swap(open, SeqCst) != 0 {
        state::come_back(live); // from the last look; this one goes on
    }
}

/// Whether this is what the program has open for its look.
pub fn is_open(open: usize) -> bool {
    OPEN.load(Relaxed) == open
}

/// The program closes it.
pub fn end(live: &Live<'_>, open: usize) {
    if OPEN.compare_exchange(open, 0, SeqCst, Relaxed).is_ok() {
        state::come_back(live);
    }
}

/// The same where it has been open for too long.
pub fn end_in_time(live: &Live<'_>) {
    let open = OPEN.load(Relaxed);
    if open != 0 && sys::now(libc::CLOCK_MONOTONIC) > UNTIL.load(SeqCst) {
        end(live, open);
    }
}

/// In a forked child: nobody was sent away.
pub fn start_in_child() {
    OPEN.store(0, Relaxed);
}
