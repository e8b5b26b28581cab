//! Populating one range with several threads: one clears 3 to 7 GiB/s, and a machine with many memory channels can
//! take more (docs/kernel.md).
//!
//! What must hold here: the caller takes part and comes back only when nobody else is at work on its range; the clock and
//! the `off` word are looked at before each piece; a helper takes its memory where the caller would have; what a
//! helper faults is counted as ours. What helpers look at does not lie on the caller's stack: a signal handler of the
//! program may jump out of this (there are no helpers for anybody from then on, and no harm is done).

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::*};

use faultless_core::reason::Reason;

use super::Place;
use crate::live::Live;
use crate::populate::{MADV_POPULATE_WRITE, Populated, Way};
use crate::state;
use crate::sys::{self, Errno, HUGE, PAGE};
use crate::target::Range;

/// Bytes between two looks at the clock: 10 ms of zeroing at the slowest.
const PIECE: usize = 32 << 20;
/// Most helpers on one range: more brought nothing on 16 cores.
const HELPERS: usize = 3;
/// Bytes for which one more thread is worth its start (about 50 µs).
const WORTH: usize = 64 << 20;

/// A range of anonymous memory in the making.
struct Job {
    start: AtomicUsize,
    end: AtomicUsize,
    /// the next piece that nobody has taken
    next: AtomicUsize,
    /// CLOCK_MONOTONIC in ns
    deadline: AtomicU64,
    /// what the kernel lacks is done by touching
    by_touch: AtomicBool,
    /// bytes that are there
    done: AtomicU64,
    /// why it stopped, as [`Reason`], and the kernel's word on it
    reason: AtomicU8,
    errno: AtomicI32,
    /// where the caller runs
    node: AtomicU32,
}

/// The one that helpers are at work on: a second thread of the program that populates meanwhile has none.
static SHARED: Job = Job::new();
static IS_SHARED: AtomicBool = AtomicBool::new(false);
/// Where helpers sit, once mapped.
static SEATS: [Place; HELPERS] = [const { Place::new() }; HELPERS];

impl Job {
    const fn new() -> Job {
        Job {
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            deadline: AtomicU64::new(0),
            by_touch: AtomicBool::new(false),
            done: AtomicU64::new(0),
            reason: AtomicU8::new(0),
            errno: AtomicI32::new(0),
            node: AtomicU32::new(0),
        }
    }

    fn begin(&self, range: Range, deadline: u64, way: Way) {
        self.start.store(range.start, Relaxed);
        self.end.store(range.end(), Relaxed);
        self.next.store(0, Relaxed);
        self.deadline.store(deadline, Relaxed);
        self.by_touch.store(matches!(way, Way::Touch), Relaxed);
        self.done.store(0, Relaxed);
        self.reason.store(Reason::Done as u8, Relaxed);
        self.errno.store(0, Relaxed);
    }

    /// Takes pieces until there are none left. They end where huge pages end, so that no two threads want the same one.
    fn work(&self, live: &Live<'_>) {
        let (start, end) = (self.start.load(Relaxed), self.end.load(Relaxed));
        while !self.has_stopped() {
            let index = self.next.fetch_add(1, Relaxed);
            let from = (start & !(HUGE - 1)) + index * PIECE;
            let (at, to) = (from.max(start), (from + PIECE).min(end));
            if at >= to {
                return;
            }
            match () {
                () if index > 0 && live.is_off() => self.stop(Reason::Told, 0),
                () if index > 0 && sys::ticks() > self.deadline.load(Relaxed) => self.stop(Reason::Time, 0),
                () => match self.populate(at, to - at) {
                    Ok(_) => _ = self.done.fetch_add((to - at) as u64, Relaxed),
                    Err(errno) => self.stop(Reason::Errno, errno),
                },
            }
        }
    }

    fn populate(&self, at: usize, len: usize) -> Result<usize, Errno> {
        if self.by_touch.load(Relaxed) {
            touch(at, len);
            return Ok(0);
        }
        // SAFETY: faults pages in as the program's own touch would; content stays.
        unsafe { sys::madvise(at, len, MADV_POPULATE_WRITE) }
    }

    fn has_stopped(&self) -> bool {
        self.reason.load(Relaxed) != Reason::Done as u8
    }

    fn stop(&self, why: Reason, errno: Errno) {
        self.errno.fetch_max(errno, Relaxed);
        let _ = self.reason.compare_exchange(Reason::Done as u8, why as u8, Relaxed, Relaxed);
    }

    fn result(&self) -> Populated {
        let why = [Reason::Told, Reason::Time, Reason::Errno].into_iter();
        let reason = why.into_iter().find(|r| *r as u8 == self.reason.load(Relaxed)).unwrap_or(Reason::Done);
        Populated { bytes: self.done.load(Relaxed), reason, errno: self.errno.load(Relaxed) }
    }
}

/// Touches every page with an atomic that changes nothing.
fn touch(start: usize, len: usize) {
    for page in (start..start + len).step_by(PAGE) {
        // SAFETY: writable memory that the caller has just mapped for the program; adding 0 keeps whatever is there.
        unsafe { (*(page as *const AtomicU8)).fetch_add(0, Relaxed) };
    }
}

/// Populates anonymous memory for writing, until the deadline (CLOCK_MONOTONIC in ns).
pub fn populate(live: &Live<'_>, range: Range, deadline: u64, way: Way) -> Populated {
    let helpers = if way == Way::Advise { helpers_for(live, range.len) } else { 0 };
    if helpers == 0 || IS_SHARED.swap(true, Acquire) {
        let job = Job::new();
        job.begin(range, deadline, way);
        job.work(live);
        return job.result();
    }
    SHARED.begin(range, deadline, way);
    SHARED.node.store(sys::node(), Relaxed);
    let mut started = [None; HELPERS];
    for (seat, place) in started.iter_mut().zip(&SEATS).take(helpers) {
        // SAFETY: whoever sat there has been waited for; the job is a static.
        *seat = place.seat().filter(|seat| unsafe { seat.start(live, help) });
        if seat.is_none() {
            break;
        }
    }
    SHARED.work(live);
    for seat in started.into_iter().flatten() {
        seat.wait(u64::MAX);
        seat.see_off();
    }
    let result = SHARED.result();
    IS_SHARED.store(false, Release);
    result
}

fn helpers_for(live: &Live<'_>, len: usize) -> usize {
    let wanted = (len / WORTH).min(HELPERS + 1);
    if wanted < 2 || !super::may_start(live) {
        return 0;
    }
    wanted.min(sys::cpus_allowed()).saturating_sub(1)
}

/// What a helper does.
fn help() {
    let before = sys::rusage(libc::RUSAGE_THREAD);
    let began = sys::ticks();
    sys::prefer_node(SHARED.node.load(Relaxed));
    let live = state::live();
    SHARED.work(&live);
    super::account(&live, began, before.as_ref());
}

/// In a forked child: there are no helpers, and nobody waits for them.
pub fn start_in_child() {
    IS_SHARED.store(false, Relaxed);
    for place in &SEATS {
        place.empty();
    }
}
