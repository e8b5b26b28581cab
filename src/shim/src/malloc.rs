//! The malloc family beyond the small path: what happens to large blocks, and to pointers that may be ours.
//!
//! What must hold here: a block that cannot be had from the pool is had from the real allocator, and only its answer
//! is ever an error; a pointer that is not certainly ours goes to the real allocator; errno is the real one's on
//! failure and untouched on success; no lock, no more than 1 KiB of stack.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering::*};

use faultless_core::counters::C;
use faultless_core::matching::{Chosen, Region};
use faultless_core::reason::Reason;
use faultless_core::rules::Kind;

use crate::act;
use crate::blocks::{self, Block};
use crate::live::Live;
use crate::real::*;
use crate::small_path::{BOUND, OURS_LEN, OURS_LOW};
use crate::target::{Range, Target};
use crate::{countdown, early, heap, opening, recycle, regions, state, sys};

/// Blocks of the pool at one time: a quarter of the mappings that a process may have (vm.max_map_count, 65,530 unless set).
const MOST_BLOCKS: u64 = 16_384;

fn maybe_ours(block: *mut c_void) -> bool {
    (block as usize).wrapping_sub(OURS_LOW.load(Relaxed) as usize) < OURS_LEN.load(Relaxed)
}

/// A large block from the pool if a rule wants it there, or None: the real allocator serves it then.
fn large(size: usize, align: usize, zero: bool) -> Option<*mut c_void> {
    // SAFETY of the size: more than PTRDIFF_MAX is the real allocator's to refuse.
    if size > isize::MAX as usize || !blocks::ready() {
        return None;
    }
    let live = state::enter()?;
    let _errno = sys::KeepErrno::new();
    live.page.add(C::MallocLarge, 1);
    live.page.add(C::MallocLargeBytes, size as u64);
    let chosen = choose(&live, size);
    if !act::has_work(&chosen) {
        act::count_only(&live, &chosen, size as u64);
        return None;
    }
    if act::only_wants_what_is(&chosen) {
        act::count_done(&live, &chosen, size as u64);
        return None;
    }
    // A mapping of its own would bring such a block nothing, and too many would use up max_map_count.
    let too_small = size < sys::HUGE && act::only_wants_huge(&chosen);
    if too_small || live.page.get(C::BlocksLive) >= MOST_BLOCKS {
        let why = if too_small { Reason::TooSmall } else { Reason::NoRoom };
        act::count_skipped(&live, &chosen, why);
        return None;
    }
    set_up_the_real_one();
    let hugetlb = act::wants_hugetlb(&live, &chosen);
    let kept =
        if align <= 16 && !hugetlb { blocks::plain_len(size).and_then(|len| recycle::take(&live, len)) } else { None };
    let is_kept = kept.is_some();
    let Some(block) = kept.or_else(|| blocks::take(size, align, hugetlb)) else {
        act::count_skipped(&live, &chosen, Reason::NoRoom);
        return None;
    };
    if is_kept {
        live.page.add(C::Recycled, 1);
        if zero {
            // SAFETY: the block is ours until it is published, and as large as this.
            unsafe { (block.data as *mut u8).write_bytes(0, size) };
        }
    }
    live.page.add(C::BlocksLive, 1);
    live.page.add(C::BlocksLiveBytes, block.len as u64);
    act::apply(&live, &target(&block), &chosen);
    Some(block.publish() as *mut c_void)
}

/// The program has called malloc, so the real one would have set itself up by now (glibc then calls getrandom, which a
/// sandbox that the program enters after its first malloc may not allow any more).
fn set_up_the_real_one() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.swap(true, Relaxed) {
        // SAFETY: a block of the real allocator's, given back to it.
        unsafe { FREE.get()(MALLOC.get()(1)) };
    }
}

fn choose(live: &Live<'_>, size: usize) -> Chosen {
    let region = Region { kind: Kind::Malloc, size: size as u64, path: None };
    live.policy.choose(&region, live.memory())
}

fn target(block: &Block) -> Target {
    Target {
        range: Range { start: block.start, len: block.len },
        kind: Kind::Malloc,
        writable: true,
        shared: false,
        hugetlb: block.hugetlb,
        file: None,
    }
}

/// Gives a block of the pool back: its pages to the next one if a rule says so, or to the kernel.
fn release(block: &Block) {
    let _errno = sys::KeepErrno::new();
    let live = state::enter();
    let account = |live: &Live<'_>| {
        live.page.sub(C::BlocksLive, 1);
        live.page.sub(C::BlocksLiveBytes, block.len as u64);
        regions::sample_before(live, block.start, block.len);
    };
    if let Some(live) = &live
        && is_kept_by_rule(live, block)
        && let Some(block) = blocks::keep(block.data)
    {
        account(live);
        regions::unlock(live, block.start, block.len);
        regions::forget(live, block.start, block.len);
        if !recycle::keep(live, &block)
            && let Some(block) = blocks::claim_kept(block.data)
        {
            block.unmap();
        }
        return;
    }
    let Some(block) = blocks::claim(block.data) else { return }; // freed twice at once: the other one has it
    if let Some(live) = &live {
        account(live);
        regions::forget(live, block.start, block.len);
    }
    block.unmap();
}

/// Whether the next block may have its pages. One that is left out of core dumps stays so, which the next may not want.
fn is_kept_by_rule(live: &Live<'_>, block: &Block) -> bool {
    let chosen = choose(live, block.usable());
    chosen.recycle.is_some() && chosen.dontdump.is_none()
}

/// A large block from the pool, if this is one. First what every slow path does.
fn large_or_small(size: usize, align: usize, zero: bool) -> Option<*mut c_void> {
    countdown::restart();
    opening::ensure();
    (size >= BOUND.load(Relaxed)).then(|| large(size, align, zero)).flatten()
}

/// What the real allocator gave, once the heap has been looked at.
fn looked_at(block: *mut c_void) -> *mut c_void {
    heap::look(block);
    block
}

/// malloc(3) with the countdown used up, as every large block uses it up.
pub unsafe extern "C" fn malloc_slow(size: usize) -> *mut c_void {
    // SAFETY: the program's own call.
    large_or_small(size, 16, false).unwrap_or_else(|| looked_at(unsafe { MALLOC.get()(size) }))
}

/// calloc(3) with the countdown used up, or of a size that overflows.
pub unsafe extern "C" fn calloc_slow(count: usize, size: usize) -> *mut c_void {
    let large = count.checked_mul(size).and_then(|size| large_or_small(size, 16, true));
    // SAFETY: the program's own call.
    large.unwrap_or_else(|| looked_at(unsafe { CALLOC.get()(count, size) }))
}

/// free(3) of a pointer that may be ours.
pub unsafe extern "C" fn free_slow(block: *mut c_void) {
    if let Some(block) = blocks::find(block as usize) {
        release(&block);
    } else if !early::owns(block as usize) {
        // SAFETY: the program's own call.
        unsafe { FREE.get()(block) }
    }
}

/// realloc(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if !countdown::spend(size) && !maybe_ours(block) {
        // SAFETY: the program's own call.
        return unsafe { REALLOC.get()(block, size) };
    }
    // SAFETY: the program's own call.
    unsafe { realloc_slow(block, size) }
}

/// # Safety
/// As realloc(3).
unsafe fn realloc_slow(old: *mut c_void, size: usize) -> *mut c_void {
    countdown::restart();
    opening::ensure();
    if old.is_null() {
        // SAFETY: the program's own call.
        return unsafe { malloc_slow(size) };
    }
    if let Some(block) = blocks::find(old as usize) {
        if size == 0 {
            // As glibc does: freed, and NULL.
            // SAFETY: the program's own call.
            unsafe { free_slow(old) };
            return null_mut();
        }
        if size >= BOUND.load(Relaxed)
            && size <= isize::MAX as usize
            && let Some(new) = resize(&block, size)
        {
            return new;
        }
        // SAFETY: `old` holds `usable` bytes, and the program gives it up for the new one.
        return unsafe { move_to(old, block.usable(), size, MALLOC.get()) };
    }
    if early::owns(old as usize) {
        // SAFETY: as above.
        return unsafe { move_to(old, early::usable_size(old), size, malloc_slow) };
    }
    // A block of the real allocator. It knows best unless the new size is one that a rule wants in the pool.
    let wanted = size >= BOUND.load(Relaxed) && blocks::ready() && size <= isize::MAX as usize;
    if !wanted {
        // SAFETY: the program's own call.
        return looked_at(unsafe { REALLOC.get()(old, size) });
    }
    // SAFETY: the program's own block.
    let usable = unsafe { USABLE_SIZE.get()(old) };
    match if usable == 0 { None } else { large(size, 16, false) } {
        Some(new) => {
            // SAFETY: `old` holds `usable` bytes, `new` holds `size`; they don't overlap.
            unsafe {
                core::ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast::<u8>(), usable.min(size));
                FREE.get()(old);
            }
            new
        }
        // SAFETY: the program's own call.
        None => looked_at(unsafe { REALLOC.get()(old, size) }),
    }
}

/// Resizes a block of the pool, in place or by moving its page tables. None: it stays as it was.
fn resize(block: &Block, size: usize) -> Option<*mut c_void> {
    let _errno = sys::KeepErrno::new();
    let live = state::enter();
    if block.len_for(size) == Some(block.len) {
        return Some(block.data as *mut c_void);
    }
    if let Some(live) = &live {
        // The lock would be charged for the new length before our budget is asked: taken again below.
        regions::unlock(live, block.start, block.len);
        regions::forget(live, block.start, block.len);
    }
    let new = block.resize(size);
    let after = new.as_ref().unwrap_or(block);
    if let Some(live) = live {
        if new.is_some() {
            live.page.add(C::BlocksLiveBytes, after.len as u64);
            live.page.sub(C::BlocksLiveBytes, block.len as u64);
        }
        let chosen = choose(&live, size);
        act::apply(&live, &target(after), &chosen);
    }
    Some(new?.publish() as *mut c_void)
}

/// Moves content to a new block and frees the old one; on failure the old one stays, as realloc(3) promises.
///
/// # Safety
/// `old` must hold `usable` bytes and be the caller's to free.
unsafe fn move_to(
    old: *mut c_void,
    usable: usize,
    size: usize,
    allocate: unsafe extern "C" fn(usize) -> *mut c_void,
) -> *mut c_void {
    let errno = sys::KeepErrno::new();
    // SAFETY: an allocation.
    let new = unsafe { allocate(size) };
    if new.is_null() && size <= usable {
        return old; // a block can always become smaller
    }
    errno.forget();
    if !new.is_null() {
        // SAFETY: both hold the bytes copied; `old` is given up.
        unsafe {
            core::ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast::<u8>(), usable.min(size));
            free_slow(old);
        }
    }
    new
}

/// A block with an alignment, from the pool if it is large and the alignment is one that the pool has.
fn aligned(align: usize, size: usize) -> Option<*mut c_void> {
    if !countdown::spend(size) {
        return None;
    }
    // Other alignments are the real allocator's to refuse, or to serve.
    let size = if align.is_power_of_two() && align <= blocks::MAX_ALIGN { size } else { 0 };
    large_or_small(size, align, false)
}

/// posix_memalign(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if align.is_multiple_of(size_of::<usize>())
        && let Some(block) = aligned(align, size)
    {
        // SAFETY: the caller's own out pointer.
        unsafe { out.write(block) };
        return 0;
    }
    // SAFETY: the program's own call.
    unsafe { POSIX_MEMALIGN.get()(out, align, size) }
}

/// aligned_alloc(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    // SAFETY: the program's own call.
    aligned(align, size).unwrap_or_else(|| unsafe { ALIGNED_ALLOC.get()(align, size) })
}

/// memalign(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    // SAFETY: the program's own call.
    aligned(align, size).unwrap_or_else(|| unsafe { MEMALIGN.get()(align, size) })
}

/// valloc(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    // SAFETY: the program's own call.
    aligned(sys::PAGE, size).unwrap_or_else(|| unsafe { VALLOC.get()(size) })
}

/// pvalloc(3): whole pages.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    size.checked_next_multiple_of(sys::PAGE)
        .and_then(|size| aligned(sys::PAGE, size))
        // SAFETY: the program's own call.
        .unwrap_or_else(|| unsafe { PVALLOC.get()(size) })
}

/// malloc_usable_size(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    if maybe_ours(block) {
        if let Some(block) = blocks::find(block as usize) {
            return block.usable();
        }
        if early::owns(block as usize) {
            // SAFETY: a block of the early arena.
            return unsafe { early::usable_size(block) };
        }
    }
    // SAFETY: the program's own call.
    unsafe { USABLE_SIZE.get()(block) }
}

/// malloc_trim(3): what is kept goes too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_trim(pad: usize) -> c_int {
    let errno = sys::KeepErrno::new();
    let purged = state::enter().is_some_and(|live| recycle::purge(&live));
    drop(errno);
    // SAFETY: the program's own call.
    let trimmed = unsafe { MALLOC_TRIM.get()(pad) };
    c_int::from(purged || trimmed != 0)
}

/// mallopt(3). A program that says itself which blocks malloc maps has its way: our malloc rules end there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mallopt(param: c_int, value: c_int) -> c_int {
    state::resolve_early();
    // SAFETY: the program's own call.
    let accepted = unsafe { MALLOPT.get()(param, value) };
    if accepted != 0 && !matches!(param, libc::M_ARENA_TEST | libc::M_ARENA_MAX | libc::M_MXFAST) {
        heap::yield_to_program();
    }
    if accepted != 0 && (param == libc::M_MMAP_THRESHOLD || param == libc::M_MMAP_MAX) {
        BOUND.store(usize::MAX, Relaxed);
        state::refuse_malloc_rules();
    }
    accepted
}
