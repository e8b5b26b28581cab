//! What glibc's malloc is told by mallopt(3), and how much of what is freed a heap may keep.
//!
//! What must hold here: M_TOP_PAD alone would freeze the mmap threshold at 128 KiB, so the threshold is set with it; what
//! is kept at the top of all heaps together stays within half of retain-max (`recycle` has the other half); whatever the
//! program or its environment has set is left as it is.

use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};

use faultless_core::reason::Reason;
use faultless_core::rules::Kind;

use crate::budget::Budget;
use crate::live::Live;
use crate::real::{FREE, MALLOC, MALLOPT};
use crate::sys::{self, HUGE};
use crate::{act, limits, small_path};

/// Blocks below this come from a heap, where large blocks have rules of their own.
pub const MMAP_THRESHOLD: usize = 4 << 20;
/// The largest threshold that glibc takes: half of a thread's heap.
const MAX_THRESHOLD: usize = 32 << 20;
/// glibc's own pad and threshold.
const DEFAULT: c_int = 128 << 10;
/// Heaps grow by at most this at a time.
const MAX_STEP: usize = 64 << 20;
/// Less than this to keep is not worth growing ahead for: glibc would give it back at once.
const LEAST_SHARE: u64 = 16 << 20;
/// Each heap may keep this much however many there are.
const LEAST_KEPT: u64 = 8 << 20;

/// The program, or its environment, has tuned malloc.
static BY_PROGRAM: AtomicBool = AtomicBool::new(false);
/// mlockall(MCL_FUTURE) is in force: whatever is padded or opened becomes resident.
static FUTURE_LOCKED: AtomicBool = AtomicBool::new(false);
static ENGAGED: AtomicBool = AtomicBool::new(false);
/// Bytes of retain-max that the heaps have.
static SHARE: AtomicU64 = AtomicU64::new(0);
/// Thread arenas that rules act on.
static ARENAS: AtomicUsize = AtomicUsize::new(0);

/// The program's own tuning stands.
pub fn yield_to_program() {
    BY_PROGRAM.store(true, Relaxed);
}

/// The program has called mlockall or munlockall.
pub fn future_locks(locked: bool) {
    FUTURE_LOCKED.store(locked, Relaxed);
}

/// Whether glibc has been told already.
pub fn is_engaged() -> bool {
    ENGAGED.load(Relaxed)
}

fn set(param: c_int, value: usize) -> bool {
    // SAFETY: glibc's own function, called as any program may.
    unsafe { MALLOPT.get()(param, c_int::try_from(value).unwrap_or(c_int::MAX)) != 0 }
}

/// What each heap may keep at its top.
fn kept() -> u64 {
    let share = SHARE.load(Relaxed);
    if share == 0 { 0 } else { (share / (1 + ARENAS.load(Relaxed) as u64)).max(LEAST_KEPT) }
}

/// Whether heaps may be made writable ahead of their use; says, once, why not.
pub fn may_open(live: &Live<'_>) -> bool {
    static SAID: AtomicBool = AtomicBool::new(false);
    let why = match () {
        () if BY_PROGRAM.load(Relaxed) => Reason::Tuned,
        () if FUTURE_LOCKED.load(Relaxed) => Reason::VmLocked,
        () if limits::counts_what_is_reserved() => Reason::Reserved,
        () => return true,
    };
    if !SAID.swap(true, Relaxed) {
        act::count_never(live, Kind::Heap, why);
    }
    false
}

/// By how many bytes the brk heap should grow at a time; 0: as glibc does it. Tells glibc at the first call.
pub fn step(live: &Live<'_>) -> usize {
    if !may_open(live) {
        return 0;
    }
    if !ENGAGED.swap(true, AcqRel) {
        engage(live);
    }
    (kept() as usize / 2).min(MAX_STEP)
}

fn engage(live: &Live<'_>) {
    let wanted = live.bytes(live.config.retain_max) / 2;
    let (share, why) = Budget::Retain.take(live, wanted);
    if share < LEAST_SHARE {
        Budget::Retain.give(live, share);
        act::count_never(live, Kind::Heap, if wanted < LEAST_SHARE { Reason::BudgetOption } else { why });
        return;
    }
    SHARE.store(share, Relaxed);
    let large = small_path::BOUND.load(Relaxed) != usize::MAX;
    set(libc::M_MMAP_THRESHOLD, if large { MMAP_THRESHOLD } else { MAX_THRESHOLD });
    set(libc::M_TOP_PAD, DEFAULT as usize);
    set(libc::M_TRIM_THRESHOLD, kept() as usize);
}

/// Rules act on one more arena, which keeps as much as the others.
pub fn add_arena() {
    ARENAS.fetch_add(1, Relaxed);
    if SHARE.load(Relaxed) != 0 && !BY_PROGRAM.load(Relaxed) {
        set(libc::M_TRIM_THRESHOLD, kept() as usize);
    }
}

/// Has the brk heap grow by about `step`, to a boundary of 2 MiB: glibc has no call for it but a malloc that does not fit, with
/// its pad set for that long. On the boundary, because glibc writes a header just beyond the old break before anybody
/// can advise anything: memory on both sides of it never becomes one mapping again. `room` is at least what is
/// left below the break. False: glibc found room elsewhere.
pub fn grow(room: usize, step: usize) -> bool {
    let before = sys::brk();
    set(libc::M_TOP_PAD, 0);
    let first = Probe::new(room);
    let brk = sys::brk();
    let grew = first.block != 0 && brk > before && first.end() <= brk;
    if grew {
        let top = brk - first.end();
        let wanted = (brk + step).next_multiple_of(HUGE) - brk;
        let size = top + 64;
        // As sysmalloc computes it: what is asked for, the pad and the smallest chunk, less the top that there is.
        set(libc::M_TOP_PAD, (wanted + top).saturating_sub(Probe::chunk(size) + 32));
        Probe::new(size).give_back();
    }
    first.give_back();
    set(libc::M_TOP_PAD, DEFAULT as usize);
    grew
}

/// A block of glibc's that nobody uses.
struct Probe {
    block: usize,
    size: usize,
}

impl Probe {
    fn new(size: usize) -> Probe {
        // SAFETY: an allocation.
        Probe { block: unsafe { MALLOC.get()(size) } as usize, size }
    }

    /// Bytes of the chunk that holds a request.
    fn chunk(size: usize) -> usize {
        (size + 8).next_multiple_of(16)
    }

    /// Where the chunk ends.
    fn end(&self) -> usize {
        self.block - 16 + Probe::chunk(self.size)
    }

    fn give_back(self) {
        // SAFETY: a block of the real allocator's, or null.
        unsafe { FREE.get()(self.block as *mut _) };
    }
}

/// Told to let go: what is freed goes back at once, as glibc would have it.
pub fn let_go() {
    if SHARE.swap(0, Relaxed) != 0 && !BY_PROGRAM.load(Relaxed) {
        set(libc::M_TRIM_THRESHOLD, DEFAULT as usize);
    }
}

/// In a forked child: its parent has the share.
pub fn start_in_child() {
    SHARE.store(0, Relaxed);
    ENGAGED.store(false, Relaxed);
}
