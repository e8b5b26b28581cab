//! The program looks how many threads it has (in `/proc/self/task`, `stat` or `status`): if it has but one, ours are away for as
//! long as it looks. Some that find two do not fork (chromium's zygote), warn (Python from 3.12 on), or do without the local time
//! zone (the `time` crate of Rust).
//!
//! What must hold here: nothing is asked where no thread of ours has been; what was looked at is told by its inode, never by the
//! program's own path, which may be gone by then; each look that sends ours away lets them come back, once: when what was opened
//! is closed, or with the first thing that hooks do after [`MOST_MS`].

use core::ffi::{CStr, c_int};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

use crate::crew::ahead;
use crate::live::Live;
use crate::{limits, state, sys, watch};

/// How long a look takes at most: who keeps the file open longer watches itself, and reads it now and then (ms).
const MOST_MS: u32 = 500;
/// So many looks in [`OFTEN_MS`], and ours stay away until these get fewer: to go and to come costs 0.3 ms.
const OFTEN: u32 = 20;
const OFTEN_MS: u32 = 1000;
/// How long a look waits for each kind of ours to go (ns); where one had not gone by then, because its disk keeps it, there are
/// no looks for so long (ms).
const PATIENCE_NS: u64 = 500_000_000;
const IN_VAIN_MS: u32 = 10_000;
/// Looks at one time: a signal handler may look while the program does.
const LOOKS: usize = 4;

/// What the program has open for a look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Open(u32);

impl Open {
    /// A call of stat(2).
    pub const CALL: Open = Open(u32::MAX);
    /// A look that is over, but for which ours stay away.
    const LINGERS: Open = Open(u32::MAX - 1);

    /// By open(2).
    pub fn descriptor(fd: c_int) -> Open {
        Open(fd as u32 & (u32::MAX >> 1))
    }

    /// By fopen(3) or opendir(3). Two that are taken for one, by chance, cost a look its end.
    pub fn stream(at: usize) -> Open {
        Open((at >> 4) as u32 | 1 << 31)
    }
}

/// Each stands for one pause of ours: [`Open`] in the upper half, in the lower one when it is over at the latest
/// (CLOCK_MONOTONIC in ms, never 0); 0: none.
static AWAY: [AtomicU64; LOOKS] = [const { AtomicU64::new(0) }; LOOKS];
/// When the last [`OFTEN_MS`] began, and how many looks there have been since.
static RECENT: (AtomicU32, AtomicU32) = (AtomicU32::new(0), AtomicU32::new(0));
/// When a look was last in vain (CLOCK_MONOTONIC in ms); 0: never.
static IN_VAIN: AtomicU32 = AtomicU32::new(0);

fn now() -> u32 {
    (sys::now(libc::CLOCK_MONOTONIC) / 1_000_000) as u32
}

fn word(open: Open, until: u32) -> u64 {
    u64::from(open.0) << 32 | u64::from(until | 1)
}

fn is_of(word: u64, open: Open) -> bool {
    word != 0 && (word >> 32) as u32 == open.0
}

/// Whether what stat(2) tells of a folder can be of one with a folder for each of several threads.
pub fn may_be_folder(mode: u32, links: u64, size: u64, device: u64) -> bool {
    const ALONE: u64 = 3;
    mode & libc::S_IFMT == libc::S_IFDIR && links > ALONE && size == 0 && sys::is_no_disk(device)
}

/// Whether this is the folder of the program's threads.
pub fn is_folder(id: (u64, u64)) -> bool {
    is_one_of(id, &[c"/proc/self/task"])
}

fn is_one_of(id: (u64, u64), paths: &[&CStr]) -> bool {
    paths.iter().any(|path| sys::stat(path, true).is_ok_and(|st| st.id == id))
}

/// Whether the program has one thread, and all others, if there are any, are ours, and can go.
pub fn is_single() -> bool {
    let in_vain = IN_VAIN.load(Relaxed);
    if in_vain != 0 && now().wrapping_sub(in_vain) < IN_VAIN_MS {
        return false;
    }
    // First ours, one of which may just be ending.
    let most = ours() + 1;
    (1..=most).contains(&limits::standing().threads)
}

/// Threads of ours that the kernel counts.
fn ours() -> u64 {
    u64::from(watch::has_thread()) + u64::from(ahead::has_thread())
}

/// The program has opened this for reading.
pub fn opened(fd: c_int, open: Open) {
    let Ok(st) = sys::fstat_as_known(fd) else { return };
    if st.size == 0
        && st.has_no_disk()
        && (is_away() || ours() != 0)
        && is_one_of(st.id, &[c"/proc/self/task", c"/proc/self/stat", c"/proc/self/status"])
        && is_single()
    {
        begin(open);
    }
}

/// Whether ours are away for a look.
fn is_away() -> bool {
    AWAY.iter().any(|look| look.load(SeqCst) != 0)
}

/// Ours go, until [`end`]. First it is noted, then they are sent away: a signal handler may jump out of the wait.
pub fn begin(open: Open) {
    let now = now();
    count(now);
    let look = word(open, now.wrapping_add(MOST_MS));
    // Otherwise they are away for four others.
    if AWAY.iter().any(|place| place.compare_exchange(0, look, SeqCst, Relaxed).is_ok()) {
        state::stand_aside(PATIENCE_NS);
        if ours() != 0 {
            IN_VAIN.store(now | 1, Relaxed);
        }
    }
}

fn count(now: u32) {
    let (since, looks) = (&RECENT.0, &RECENT.1);
    if now.wrapping_sub(since.load(Relaxed)) > OFTEN_MS {
        since.store(now, Relaxed);
        looks.store(0, Relaxed);
    }
    looks.fetch_add(1, Relaxed);
}

/// Whether the program has this open for a look.
pub fn is_open(open: Open) -> bool {
    AWAY.iter().any(|look| is_of(look.load(Relaxed), open))
}

/// A look at one goes on at another.
pub fn goes_on_at(old: Open, new: Open) {
    for look in &AWAY {
        let before = look.load(SeqCst);
        if is_of(before, old) {
            let _ = look.compare_exchange(before, word(new, before as u32), SeqCst, Relaxed);
        }
    }
}

/// The program has closed it.
pub fn end(live: &Live<'_>, open: Open) {
    let lingers = AWAY.iter().any(|look| is_of(look.load(SeqCst), Open::LINGERS));
    let is_often = RECENT.1.load(Relaxed) > OFTEN && !lingers;
    for look in &AWAY {
        let before = look.load(SeqCst);
        let after = if is_often { word(Open::LINGERS, now().wrapping_add(MOST_MS)) } else { 0 };
        if is_of(before, open) && look.compare_exchange(before, after, SeqCst, Relaxed).is_ok() {
            if !is_often {
                state::come_back(live);
            }
            return;
        }
    }
}

/// The same for what has been open for too long.
pub fn end_in_time(live: &Live<'_>) {
    if !is_away() {
        return;
    }
    let now = now();
    for look in &AWAY {
        let before = look.load(SeqCst);
        let is_due = now.wrapping_sub(before as u32) as i32 > 0;
        if before != 0 && is_due && look.compare_exchange(before, 0, SeqCst, Relaxed).is_ok() {
            state::come_back(live);
        }
    }
}

/// In a forked child: nobody was sent away.
pub fn start_in_child() {
    AWAY.iter().for_each(|look| look.store(0, Relaxed));
    IN_VAIN.store(0, Relaxed);
}
