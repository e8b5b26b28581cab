//! Threads of ours: where they sit, how they start and how they end.
//!
//! What must hold here: made by a raw clone, known to no C library, so what runs in one touches no thread-local storage:
//! no errno, no function of the C library but memcpy and its like (the thread pointer is a page of ours, so that code
//! compiled with a stack protector still finds a word there). Every signal is blocked in it. There is none under a seccomp
//! filter, in a forked child, or in a process where no rule needs one; it ends by itself when it has nothing to do, and
//! its stack goes to the next one only when the kernel says that it has ended.

pub mod ahead;
mod entry;
mod piece;
pub mod team;

use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::*};

use faultless_core::counters::C;

use crate::limits;
use crate::live::Live;
use crate::sys::{self, PAGE};

pub use entry::Work;

/// A thread of ours that goes on beside the program has been started in this process.
static HAS_BEEN: AtomicBool = AtomicBool::new(false);

/// Whether there may be one now.
#[inline]
pub fn has_been() -> bool {
    HAS_BEEN.load(Relaxed)
}

/// From the lowest: a guard page, the stack, a page that stands in for thread-local storage, the head.
const STACK: usize = 4 * PAGE;
const BYTES: usize = PAGE + STACK + 2 * PAGE;

/// The page at the end of a seat. Its address is the thread pointer.
#[repr(C, align(4096))]
struct Head {
    /// what code on x86-64 looks for at the thread pointer: its own address first, the stack protector's word at 40
    control: [usize; 16],
    /// the thread's id, 0 once it has ended
    tid: AtomicU32,
    /// the id of the one that sat here last
    last: AtomicU32,
}
const _: () = assert!(align_of::<Head>() == sys::PAGE, "it has pages of its own");

/// A stack and what goes with it: room for one thread.
#[derive(Clone, Copy)]
struct Seat(NonNull<Head>);

/// Where a seat is kept once it is mapped: for ever, because the next thread will want one too.
pub struct Place(AtomicPtr<Head>);

impl Place {
    /// Not yet mapped.
    pub const fn new() -> Place {
        Place(AtomicPtr::new(core::ptr::null_mut()))
    }

    /// The seat, if it is mapped.
    fn known(&self) -> Option<Seat> {
        NonNull::new(self.0.load(Acquire)).map(Seat)
    }

    /// The seat, mapped if need be. Only one thread at a time may ask.
    fn seat(&self) -> Option<Seat> {
        self.known().or_else(|| {
            let seat = Seat::map()?;
            self.0.store(seat.0.as_ptr(), Release);
            Some(seat)
        })
    }

    /// Starts a thread there that runs `body`, once the last one has left. Only one thread at a time may ask. False: there
    /// is none to be had, or `patience` (ns) was not enough.
    pub fn start_when_empty(&self, live: &Live<'_>, body: fn(), patience: u64) -> bool {
        HAS_BEEN.store(true, Relaxed);
        // SAFETY: nobody sits there: the last one has been waited for.
        self.seat().is_some_and(|seat| seat.wait(patience) && unsafe { seat.start(live, body) })
    }

    /// Waits until the one that sits there has left, at most so many ns.
    pub fn see_off(&self, patience: u64) {
        if let Some(seat) = self.known()
            && seat.wait(patience)
        {
            seat.see_off();
        }
    }

    /// Whether nobody sits there: the kernel says so when a thread ends, however it does.
    pub fn is_empty(&self) -> bool {
        self.known().is_none_or(|seat| seat.head().tid.load(Acquire) == 0)
    }

    /// Whether the kernel counts one that sits there: also for a while after it has said that it is gone.
    pub fn is_counted(&self) -> bool {
        let is_left = |seat: Seat| {
            let last = seat.head().last.load(Relaxed);
            last != 0 && sys::is_thread(last)
        };
        self.known().is_some_and(|seat| seat.head().tid.load(Acquire) != 0 || is_left(seat))
    }

    /// In a forked child: whoever sat there sits there in the parent.
    pub fn empty(&self) {
        if let Some(seat) = self.known() {
            seat.head().tid.store(0, Relaxed);
            seat.head().last.store(0, Relaxed);
        }
    }
}

impl Seat {
    /// A new seat, with nobody in it.
    fn map() -> Option<Seat> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: a fresh mapping, whose lowest page becomes the guard.
        unsafe {
            let start = sys::mmap(0, BYTES, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0).ok()?;
            let head = NonNull::new((start + BYTES - PAGE) as *mut Head);
            if sys::mprotect(start, PAGE, libc::PROT_NONE).is_err() || head.is_none() {
                let _ = sys::munmap(start, BYTES);
                return None;
            }
            let seat = Seat(head?);
            (*seat.0.as_ptr()).control[0] = seat.0.as_ptr() as usize;
            Some(seat)
        }
    }

    /// Starts a thread in it that runs `body`. False: there is none to be had.
    ///
    /// # Safety
    /// Nobody may sit there.
    unsafe fn start(self, live: &Live<'_>, body: fn()) -> bool {
        let head = self.0.as_ptr();
        // SAFETY: the seat is mapped and empty; the stack ends a page below the head.
        let started = unsafe {
            let top = head.cast::<u8>().sub(PAGE);
            sys::start_thread(top, head.cast(), &self.head().tid, begin, body as *mut c_void)
        };
        if let Ok(tid) = started {
            self.head().last.store(tid, Relaxed);
            live.page.add(C::OwnThreads, 1);
        }
        started.is_ok()
    }

    fn head(&self) -> &Head {
        // SAFETY: mapped for ever, and what changes in it while somebody else looks is atomic.
        unsafe { self.0.as_ref() }
    }

    /// Waits until nobody sits there. False: `patience` (ns) was not enough.
    fn wait(self, patience: u64) -> bool {
        let until = sys::ticks().saturating_add(patience);
        let us = sys::getpid();
        loop {
            let tid = self.head().tid.load(Acquire);
            if tid == 0 {
                return true;
            }
            let now = sys::ticks();
            if now >= until {
                return false;
            }
            // Woken now and then all the same: a signal handler may have forked, and in the child nobody sits there.
            sys::wait_while(&self.head().tid, tid, (until - now).min(10_000_000));
            if sys::getpid() != us {
                return true;
            }
        }
    }

    /// Waits until the kernel has forgotten who sat there last, so that a program which must be single-threaded for a
    /// call is so. That is some µs, more where others want the processor on which it ends, and for ever under some
    /// debuggers.
    fn see_off(self) {
        const BRISK_NS: u64 = 2_000_000;
        const PATIENCE_NS: u64 = 200_000_000;
        const REST_NS: u64 = 200_000;
        let last = self.head().last.load(Relaxed);
        let began = sys::ticks();
        while last != 0 && sys::is_thread(last) {
            match sys::ticks() - began {
                waited if waited < BRISK_NS => sys::yield_now(),
                waited if waited < PATIENCE_NS => sys::pause(REST_NS),
                _ => break,
            }
        }
        let _ = self.head().last.compare_exchange(last, 0, Relaxed, Relaxed);
    }
}

unsafe extern "C" fn begin(body: *mut c_void) -> ! {
    sys::name_thread(c"faultless");
    // SAFETY: what `start` was given.
    let body = unsafe { core::mem::transmute::<*mut c_void, fn()>(body) };
    body();
    sys::exit_thread(status())
}

/// What a thread of ours ends with. The last one of a process to end gives it its status (since Linux 6.0), and where that is
/// ours, the first one has ended before: by exit(2) itself.
fn status() -> u32 {
    // Nothing is opened in the program's table. Where there is no such call, the first thread's status is the process's anyway.
    let left_with = if sys::leave_descriptors().is_ok() { limits::left_with() } else { None };
    left_with.unwrap_or(0)
}

/// Whether there may be threads of ours: a filter that was there at the start may kill for what they need.
pub fn may_start(live: &Live<'_>) -> bool {
    !live.is_filtered_when_tried()
}

/// Counts what a thread of ours has used since `began` and `before` as ours.
fn account(live: &Live<'_>, began: u64, before: Option<&libc::rusage>) {
    live.page.add(C::OwnThreadNs, sys::ticks().saturating_sub(began));
    if let (Some(before), Some(after)) = (before, sys::rusage(libc::RUSAGE_THREAD)) {
        live.page.add(C::OwnMinorFaults, (after.ru_minflt - before.ru_minflt) as u64);
        live.page.add(C::OwnMajorFaults, (after.ru_majflt - before.ru_majflt) as u64);
    }
}

/// There will be no thread of ours from here on, and none is left: unless a single piece takes longer than this.
pub fn end() {
    const PATIENCE_NS: u64 = 100_000_000;
    ahead::end(PATIENCE_NS);
}

/// How long the program waits for its own sake (ns): where it wants them gone, a disk that has broken down may keep one for long.
pub const LONG_PATIENCE_NS: u64 = 5_000_000_000;

/// The same until [`go_on`].
pub fn withdraw() {
    ahead::end(LONG_PATIENCE_NS);
}

/// No thread until [`come_back`]: what waits for one waits. They are waited for, bounded (ns).
pub fn stand_aside(patience: u64) {
    ahead::pause(patience);
}

/// After [`withdraw`]: there may be threads again.
pub fn go_on() {
    ahead::go_on();
}

/// After [`stand_aside`]: what waits has one again.
pub fn come_back(live: &Live<'_>) {
    ahead::go_on();
    ahead::come_back(live);
}

/// In a forked child: there is no thread of ours.
pub fn start_in_child() {
    HAS_BEEN.store(false, Relaxed);
    team::start_in_child();
    ahead::start_in_child();
}
