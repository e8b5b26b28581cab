//! `heap` rules: what glibc's malloc serves its smaller blocks from, the brk heap and the heaps of its thread arenas.
//!
//! glibc calls its own brk, mmap and mprotect, so no hook sees a heap grow. Every 64 KiB that a thread asks for
//! (`countdown`), the block that it has just got tells where: its header says which arena it is of. Heaps are made to grow in
//! large steps, so that a huge page has its whole 2 MiB before the first touch, and rules are applied to each step.
//!
//! What must hold here: only with glibc's own malloc behind us, whose chunk header and heap header have had one shape since
//! 2.5, and nobody's hooks in it; nothing is held up (a lock is only tried); what the program or its environment has tuned
//! stays; nothing is padded or opened where it would become resident (VM_LOCKED) or count against a limit; a heap that
//! wants nothing costs no system call.

mod arena;
mod brk;
mod mapped;
mod tuning;

use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};

use faultless_core::matching::{Chosen, Region};
use faultless_core::rules::{Kind, PageSize};

use crate::live::Live;
use crate::sys::{self, HUGE};
use crate::target::{Range, Target};
use crate::{act, limits, real, regions, scarce, state};

pub use brk::before_trim;
pub use tuning::{
    are_future_locks, before_mlockall, give_back, give_back_if_due, inherit, is_by_program, is_engaged,
    is_stack_locked, keeps, let_go, locked_all, yield_to_program,
};

/// So much ahead of what is in use must have had its rules: whatever a thread can take before the next look.
const MARGIN: usize = HUGE + (256 << 10);
/// A heap of which less is in use costs more on a huge page than it gains.
const WORTH: usize = 512 << 10;
/// Looks with nothing to do from one sample of the huge pages to the next.
const LOOKS_PER_SAMPLE: u32 = 64;

static LOOKS: AtomicU32 = AtomicU32::new(1);
static OPEN: AtomicBool = AtomicBool::new(false);

/// Heap rules are in force.
pub fn open(live: &Live<'_>) {
    arena::open(&choose(live, arena::HEAP));
    OPEN.store(true, Release);
}

/// A chunk of glibc's malloc, as its header describes it.
#[derive(Clone, Copy)]
struct Chunk {
    /// what malloc returned
    start: usize,
    /// the byte after it
    end: usize,
    /// it is a mapping of its own
    is_mapped: bool,
    /// it is of a thread's arena
    is_arena: bool,
}

impl Chunk {
    /// # Safety
    /// `block` must be a live block of glibc's malloc.
    unsafe fn of(block: usize) -> Chunk {
        // SAFETY: the word before a block is its size, whose lowest bits are PREV_INUSE, IS_MMAPPED and NON_MAIN_ARENA.
        let word = unsafe { ((block - 8) as *const usize).read() };
        Chunk { start: block, end: block - 16 + (word & !7), is_mapped: word & 2 != 0, is_arena: word & 4 != 0 }
    }

    /// Bytes, the header included.
    fn size(&self) -> usize {
        self.end + 16 - self.start
    }
}

/// The countdown is used up, and the real allocator has given the program this block.
pub fn look(block: *mut c_void) {
    if !OPEN.load(Acquire) || block.is_null() || real::is_malloc_hooked() {
        return;
    }
    // SAFETY: open only with glibc's malloc behind us, which the block is from, since no hook of the program's made it.
    let chunk = unsafe { Chunk::of(block as usize) };
    if chunk.is_mapped {
        return mapped::note(&chunk);
    }
    let is_settled = if chunk.is_arena { arena::is_settled(&chunk) } else { brk::is_settled(&chunk) };
    // What is on huge pages is asked now and then, because nothing tells of what is freed.
    if is_settled && !tuning::is_untold() && !LOOKS.fetch_add(1, Relaxed).is_multiple_of(LOOKS_PER_SAMPLE) {
        return;
    }
    let _errno = sys::KeepErrno::new();
    let Some(live) = state::enter() else { return };
    tuning::tell_anew();
    tuning::came_from_a_heap(&chunk);
    match chunk {
        _ if is_settled => {}
        Chunk { is_arena: true, .. } => arena::act(&live, &chunk),
        _ => brk::act(&live, &chunk),
    }
    regions::sample_around(&live, chunk.start);
}

/// In a forked child: nobody is at work, and what may be kept is asked for anew.
pub fn start_in_child() {
    if OPEN.load(Relaxed) {
        brk::start_in_child();
        arena::start_in_child();
        tuning::start_in_child();
    }
}

fn choose(live: &Live<'_>, size: usize) -> Chosen {
    live.policy.choose(&Region { kind: Kind::Heap, size: size as u64, path: None }, live.memory())
}

/// Whether what is wanted takes memory at once, so that it is given in small steps.
fn is_eager(chosen: &Chosen) -> bool {
    chosen.arrival.is_some() || chosen.stay.is_some()
}

/// Whether huge pages are wanted and to be had.
fn is_huge(chosen: &Chosen) -> bool {
    matches!(chosen.page_size, Some((_, PageSize::Thp | PageSize::Collapse | PageSize::Hugetlb)))
        && limits::thp() != Some(limits::Thp::Never)
}

/// Puts 2 MiB of which 4K pages hold a small part on a huge page. A kernel before 6.1 leaves it on these.
fn collapse(live: &Live<'_>, start: usize) {
    const MADV_COLLAPSE: i32 = 25;
    if scarce::was_so() || live.is_filtered() {
        return; // the kernel would put it together in this very thread; or might not like the call
    }
    // SAFETY: keeps content.
    let _ = unsafe { sys::madvise(start, HUGE, MADV_COLLAPSE) };
}

/// Applies the rules to a stretch of a heap, forgetting what was there before: glibc gives heaps back unseen.
fn apply(live: &Live<'_>, start: usize, end: usize, chosen: &Chosen) {
    let range = Range { start, len: end - start };
    regions::forget(live, range.start, range.len);
    let target =
        Target { range, kind: Kind::Heap, writable: true, shared: false, hugetlb: false, segment: false, file: None };
    act::apply(live, &target, chosen);
}
