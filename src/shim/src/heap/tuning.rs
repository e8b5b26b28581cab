//! What glibc's malloc is told by mallopt(3), and how much of what is freed a heap may keep.
//!
//! What must hold here: any mallopt freezes the size from which glibc maps blocks, so that size is set with it, and goes on
//! rising as glibc would raise it (`mapped`); what is kept at the top of all heaps together stays within half of retain-max
//! (`recycle` has the other half), taken as heaps grow; whatever the program or its environment has set is left as it is.

use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};

use faultless_core::reason::Reason;
use faultless_core::rules::Kind;
use faultless_core::size::Size;

use super::Chunk;
use crate::budget::Budget;
use crate::live::Live;
use crate::real::{FREE, MALLOC, MALLOC_TRIM, MALLOPT};
use crate::sys::{self, HUGE};
use crate::{act, limits};

/// glibc's own pad and thresholds.
const DEFAULT: usize = 128 << 10;
/// The largest size from which it maps blocks: half of a thread's heap.
const MAX_THRESHOLD: usize = 32 << 20;
/// Heaps grow by at most this at a time.
const MAX_STEP: usize = 64 << 20;
/// Shares of retain-max are taken in pieces of this. Less to keep is not worth growing ahead for: glibc would give what
/// was grown back at once.
const PIECE: u64 = 16 << 20;

/// Too large for what glibc keeps at hand of small sizes.
const LEAST_PROBE: usize = 64 << 10;
/// A free block larger than this is rare enough to wait.
const LARGEST_PROBE: usize = 8 << 20;

/// The program, or its environment, has tuned malloc.
static BY_PROGRAM: AtomicBool = AtomicBool::new(false);
/// mlockall(MCL_FUTURE) is in force: whatever is padded or opened becomes resident.
static FUTURE_LOCKED: AtomicBool = AtomicBool::new(false);
/// mlockall(MCL_CURRENT) was called.
static STACK_LOCKED: AtomicBool = AtomicBool::new(false);
/// glibc has been told.
static ENGAGED: AtomicBool = AtomicBool::new(false);
/// Bytes of retain-max that the heaps have.
static SHARE: AtomicU64 = AtomicU64::new(0);
/// Thread arenas that rules act on.
static ARENAS: AtomicUsize = AtomicUsize::new(0);
/// What the parent's heaps kept at their top is this child's.
static HAS_INHERITED: AtomicBool = AtomicBool::new(false);
/// What heaps keep is to go when malloc is called next.
static IS_DUE: AtomicBool = AtomicBool::new(false);
/// This is a child, in which glibc still has what the parent told it.
static UNTOLD: AtomicBool = AtomicBool::new(false);
/// The size from which glibc maps blocks, as it would be without us.
static THRESHOLD: AtomicUsize = AtomicUsize::new(DEFAULT);

/// The program's own tuning stands: what it has not set goes back to glibc's own value.
pub fn yield_to_program(param: c_int) {
    if !BY_PROGRAM.swap(true, Relaxed) && ENGAGED.load(Relaxed) && param != libc::M_TRIM_THRESHOLD {
        set(libc::M_TRIM_THRESHOLD, DEFAULT);
    }
}

/// Whether it has tuned malloc.
pub fn is_by_program() -> bool {
    BY_PROGRAM.load(Relaxed)
}

/// The program has called mlockall with these flags, or munlockall (0).
pub fn locked_all(flags: c_int) {
    FUTURE_LOCKED.store(flags & libc::MCL_FUTURE != 0, Relaxed);
    STACK_LOCKED.store(flags & libc::MCL_CURRENT != 0 || flags != 0 && STACK_LOCKED.load(Relaxed), Relaxed);
}

/// Whether the program has locked its main stack, so that what more of it is used counts against RLIMIT_MEMLOCK: where that is reached,
/// the kernel kills. What is ours to lock would be in the way.
pub fn is_stack_locked() -> bool {
    STACK_LOCKED.load(Relaxed)
}

/// Whether the program has all that is mapped from now on locked: none of that is ours to lock, or to let go.
pub fn are_future_locks() -> bool {
    FUTURE_LOCKED.load(Relaxed)
}

/// mlockall is about to make resident, and count against the limit, what heaps have ahead of their use.
pub fn before_mlockall() {
    if is_set() {
        let _errno = sys::KeepErrno::new(); // its MADV_DONTNEED may meet what is locked already
        // SAFETY: glibc's own function, called as any program may.
        unsafe { MALLOC_TRIM.get()(0) };
    }
}

/// The program has limited what may be mapped: what is kept for it goes, and no more is. At once, or, where this may be a signal handler
/// that has interrupted malloc, when malloc is called next. After a raw clone nothing is done: another thread's hold on glibc's lock
/// would never end.
pub fn give_back() {
    if keeps() {
        IS_DUE.store(true, Relaxed);
        if !sys::may_be_in_a_handler() {
            give_back_if_due();
        }
    }
}

/// Whether there may be something at the top of heaps that glibc would have given back by itself.
pub fn keeps() -> bool {
    is_set() && (SHARE.load(Relaxed) != 0 || HAS_INHERITED.load(Relaxed))
}

/// In a child of fork(3), after which glibc's malloc may be called: what its parent kept is there too.
pub fn inherit() {
    HAS_INHERITED.store(true, Relaxed);
}

/// What [`give_back`] has put off; true if there was something. Only where the program may call malloc.
pub fn give_back_if_due() -> bool {
    let is_due = IS_DUE.load(Relaxed) && IS_DUE.swap(false, Relaxed);
    if is_due {
        HAS_INHERITED.store(false, Relaxed);
        let _errno = sys::KeepErrno::new();
        set(libc::M_TRIM_THRESHOLD, DEFAULT);
        // SAFETY: glibc's own function, called as any program may.
        unsafe { MALLOC_TRIM.get()(0) };
    }
    is_due
}

/// Whether glibc no longer learns by itself from which size to map blocks.
pub fn is_engaged() -> bool {
    ENGAGED.load(Relaxed)
}

fn is_set() -> bool {
    ENGAGED.load(Relaxed) && !BY_PROGRAM.load(Relaxed)
}

fn set(param: c_int, value: usize) {
    // SAFETY: glibc's own function, called as any program may.
    unsafe { MALLOPT.get()(param, c_int::try_from(value).unwrap_or(c_int::MAX)) };
}

/// What each heap may keep at its top.
fn kept() -> usize {
    (SHARE.load(Relaxed) as usize / (1 + ARENAS.load(Relaxed))).max(DEFAULT)
}

/// Whether heaps may be made writable ahead of their use; says, once, why not.
pub fn may_open(live: &Live<'_>) -> bool {
    static SAID: AtomicBool = AtomicBool::new(false);
    let why = match () {
        () if BY_PROGRAM.load(Relaxed) => Reason::Tuned,
        () if are_future_locks() => Reason::VmLocked,
        () if limits::counts_what_is_reserved() => Reason::Reserved,
        () => return true,
    };
    if !SAID.swap(true, Relaxed) {
        act::count_never(live, Kind::Heap, why);
    }
    false
}

/// By how many bytes the brk heap should grow at a time, with so much of it in use; 0: as glibc does it.
pub fn step(live: &Live<'_>, used: usize) -> usize {
    if !may_open(live) {
        return 0;
    }
    want(live, used as u64 + ARENAS.load(Relaxed) as u64 * PIECE);
    // What is grown ahead counts as kept, though nobody has touched it: so only a part of that.
    let step = kept() / 4;
    if step < HUGE { 0 } else { step.min(MAX_STEP) }
}

/// Has the heaps keep up to `bytes` of what is freed, as far as there is a share of retain-max for them.
fn want(live: &Live<'_>, bytes: u64) {
    // Nothing tells when a heap should give back what it keeps for others: so no more than what hardly counts.
    const HARDLY: Size = Size::Pct(6);
    let most = (live.bytes(live.config.retain_max) / 2).min(live.bytes(HARDLY));
    let have = SHARE.load(Relaxed);
    let wanted = bytes.next_multiple_of(PIECE).min(most / PIECE * PIECE);
    if wanted <= have {
        if most < PIECE && !ENGAGED.load(Relaxed) {
            act::count_never(live, Kind::Heap, Reason::BudgetOption);
        }
        return;
    }
    let (more, why) = Budget::Retain.take(live, wanted - have);
    let whole = more / PIECE * PIECE;
    Budget::Retain.give(live, more - whole);
    if whole == 0 && have == 0 {
        act::count_never(live, Kind::Heap, why);
        return;
    }
    SHARE.fetch_add(whole, Relaxed);
    tell();
}

fn tell() {
    ENGAGED.store(true, Relaxed);
    set(libc::M_MMAP_THRESHOLD, THRESHOLD.load(Relaxed));
    set(libc::M_TOP_PAD, DEFAULT);
    set(libc::M_TRIM_THRESHOLD, kept());
}

/// Rules act on one more arena, which keeps as much as the others.
pub fn add_arena(live: &Live<'_>) {
    let arenas = 1 + ARENAS.fetch_add(1, Relaxed) as u64;
    if may_open(live) {
        want(live, (1 + arenas) * PIECE);
        if is_engaged() {
            set(libc::M_TRIM_THRESHOLD, kept());
        }
    }
}

/// A mapped block of so many bytes was freed: the next of its size comes from a heap.
pub fn learn(size: usize) {
    if size <= MAX_THRESHOLD && THRESHOLD.fetch_max(size, Relaxed) < size && is_set() {
        set(libc::M_MMAP_THRESHOLD, size);
    }
}

/// A large block that is not mapped: glibc has learnt its size, as long as it may.
pub fn came_from_a_heap(chunk: &Chunk) {
    if !is_engaged() && chunk.size() <= MAX_THRESHOLD {
        THRESHOLD.fetch_max(chunk.size(), Relaxed);
    }
}

/// Has the brk heap grow by about `step`, to a boundary of 2 MiB: glibc has no call for it but a malloc that does not fit, with
/// its pad set for that long. On the boundary, because glibc may write a header just beyond the old break before anybody
/// can advise anything: memory on both sides of it never becomes one mapping again. `top` is what is free below the
/// break, where that is known, `room` at least that. Returns whether it has grown, and nothing was written beyond.
pub fn grow(top: Option<usize>, room: usize, step: usize) -> Option<Clean> {
    set(libc::M_MMAP_THRESHOLD, MAX_THRESHOLD);
    let mut grown = top.filter(|top| *top >= LEAST_PROBE && pad_for(*top, step)).map(|_| Clean(true));
    let mut least = room.max(LEAST_PROBE);
    // What a first block takes and gives back becomes the top, and so known. It may have fitted within the heap.
    while grown.is_none() && least < LARGEST_PROBE {
        set(libc::M_TOP_PAD, 0);
        grown = probe(least).filter(|top| pad_for(*top, step)).map(|_| Clean(false));
        least *= 2;
    }
    set(libc::M_TOP_PAD, DEFAULT);
    set(libc::M_MMAP_THRESHOLD, THRESHOLD.load(Relaxed));
    grown
}

/// Whether the heap has grown without a byte written beyond the old break.
pub struct Clean(pub bool);

/// Asks for all of the top but 16 bytes, which glibc does not split: so it grows, and writes the next header in these.
fn pad_for(top: usize, step: usize) -> bool {
    let brk = sys::brk();
    let wanted = (brk + step).next_multiple_of(HUGE) - brk;
    // As sysmalloc computes it: what is asked for, the pad and the smallest chunk (32), less the top that there is.
    set(libc::M_TOP_PAD, wanted - 16);
    Probe::new(top - 24).give_back();
    sys::brk() > brk
}

/// Takes a block and gives it back: it becomes the top, of which the bytes are then known, if the break had to move for it.
fn probe(size: usize) -> Option<usize> {
    let before = sys::brk();
    let probe = Probe::new(size);
    let brk = sys::brk();
    let grew = probe.block != 0 && brk > before && probe.end() <= brk;
    let top = brk.wrapping_sub(probe.block.wrapping_sub(16));
    probe.give_back();
    grew.then_some(top)
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
    if is_set() {
        set(libc::M_TRIM_THRESHOLD, DEFAULT);
    }
    SHARE.store(0, Relaxed);
}

/// In a forked child: its parent has the share, so the child keeps as little as glibc itself until it has one of its own.
pub fn start_in_child() {
    locked_all(0);
    IS_DUE.store(false, Relaxed);
    HAS_INHERITED.store(false, Relaxed);
    SHARE.store(0, Relaxed);
    // Not here: after a raw clone another thread's hold on glibc's lock would never end.
    UNTOLD.store(is_set(), Relaxed);
}

/// Whether glibc must be told anew.
pub fn is_untold() -> bool {
    UNTOLD.load(Relaxed)
}

/// Tells it: the program has just called malloc itself.
pub fn tell_anew() {
    if UNTOLD.swap(false, Relaxed) {
        tell();
    }
}
