//! The malloc family beyond the small path: what happens to large blocks, and to pointers that may be ours.
//!
//! What must hold here: a block that cannot be had from the pool is had from the real allocator, and only its answer
//! is ever an error; a pointer that is not certainly ours goes to the real allocator; errno is the real one's on
//! failure and untouched on success; no lock, no more than 1 KiB of stack.

mod large;

use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::*;

use crate::real::*;
use crate::small_path::{BOUND, OURS_LEN, OURS_LOW};
use crate::transit::{self, Turn};
use crate::{blocks, countdown, early, heap, opening, recycle, state, sys};

/// What a small request that has used up the countdown stands for: all of those before it.
const LOOK: usize = 64 << 10;

fn maybe_ours(block: *mut c_void) -> bool {
    (block as usize).wrapping_sub(OURS_LOW.load(Relaxed)) < OURS_LEN.load(Relaxed)
}

/// A large block from the pool, if this is one. First what every slow path does.
fn large_or_small(size: usize, align: usize, zero: bool) -> Option<*mut c_void> {
    countdown::restart();
    opening::ensure();
    heap::give_back_if_due();
    if size < BOUND.load(Relaxed) {
        recycle::tend(size.max(LOOK));
        return None;
    }
    large(size, align, zero)
}

/// A large block from the pool, or what is kept makes room for the real allocator's.
fn large(size: usize, align: usize, zero: bool) -> Option<*mut c_void> {
    let block = large::take(size, align, zero);
    if block.is_none() {
        recycle::make_room(size);
    }
    block
}

/// What the real allocator gives; where it has nothing, what is ours makes way for it.
fn real(give: impl Fn() -> *mut c_void) -> *mut c_void {
    let before = sys::errno();
    let block = give();
    if block.is_null()
        && let Some(_turn) = make_way()
    {
        sys::set_errno(before);
        return give();
    }
    block
}

/// What is kept goes, and, where the program has all that is mapped locked (MCL_FUTURE), what we have locked too: it counts
/// against RLIMIT_MEMLOCK beside that. None: there was nothing; otherwise nothing is locked anew before what is returned goes.
fn make_way() -> Option<Option<Turn>> {
    let kept = recycle::give_way() | heap::give_back_if_due();
    let live = if heap::are_future_locks() { state::enter() } else { None };
    let turn = live.and_then(|live| transit::unlock_all(&live));
    (kept || turn.is_some()).then_some(turn)
}

/// The same, once the heap has been looked at.
fn looked_at(give: impl Fn() -> *mut c_void) -> *mut c_void {
    let block = real(give);
    large::note_set_up();
    heap::look(block);
    block
}

/// malloc(3) with the countdown used up, as every large block uses it up.
pub unsafe extern "C" fn malloc_slow(size: usize) -> *mut c_void {
    // SAFETY: the program's own call.
    large_or_small(size, 16, false).unwrap_or_else(|| looked_at(|| unsafe { MALLOC.get()(size) }))
}

/// malloc(3) of what is not to come from the pool.
unsafe extern "C" fn malloc_real(size: usize) -> *mut c_void {
    // SAFETY: the program's own call.
    real(|| unsafe { MALLOC.get()(size) })
}

/// calloc(3) with the countdown used up, or of a size that overflows.
pub unsafe extern "C" fn calloc_slow(count: usize, size: usize) -> *mut c_void {
    let large = count.checked_mul(size).and_then(|size| large_or_small(size, 16, true));
    // SAFETY: the program's own call.
    large.unwrap_or_else(|| looked_at(|| unsafe { CALLOC.get()(count, size) }))
}

/// free(3) of a pointer that may be ours.
pub unsafe extern "C" fn free_slow(block: *mut c_void) {
    if let Some(block) = blocks::find(block as usize) {
        large::release(&block);
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
    if size < BOUND.load(Relaxed) {
        recycle::tend(size.max(LOOK));
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
            && let Some(new) = large::resize(&block, size)
        {
            return new;
        }
        // SAFETY: `old` holds `usable` bytes, and the program gives it up for the new one.
        return unsafe { move_to(old, block.usable(), size, malloc_real) };
    }
    if early::owns(old as usize) {
        // SAFETY: as above.
        return unsafe { move_to(old, early::usable_size(old), size, malloc_slow) };
    }
    // A block of the real allocator. It knows best unless the new size is one that a rule wants in the pool.
    let wanted = size >= BOUND.load(Relaxed) && blocks::ready() && size <= isize::MAX as usize;
    if !wanted {
        // SAFETY: the program's own call.
        return looked_at(|| unsafe { REALLOC.get()(old, size) });
    }
    // SAFETY: the program's own block.
    let usable = unsafe { USABLE_SIZE.get()(old) };
    match if usable == 0 { None } else { large::take(size, 16, false) } {
        Some(new) => {
            // SAFETY: `old` holds `usable` bytes, `new` holds `size`; they don't overlap.
            unsafe {
                core::ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast::<u8>(), usable.min(size));
                FREE.get()(old);
            }
            new
        }
        // SAFETY: the program's own call.
        None => looked_at(|| unsafe { REALLOC.get()(old, size) }),
    }
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

/// A block with an alignment: from the pool if it is large and the alignment is one that the pool has, or from `give`.
fn aligned(align: usize, size: usize, give: impl Fn() -> *mut c_void) -> *mut c_void {
    if !countdown::spend(size) {
        return real(give);
    }
    // Other alignments are the real allocator's to refuse, or to serve.
    let wanted = if align.is_power_of_two() && align <= blocks::MAX_ALIGN { size } else { 0 };
    large_or_small(wanted, align, false).unwrap_or_else(|| looked_at(give))
}

/// posix_memalign(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_multiple_of(size_of::<usize>()) {
        // SAFETY: the program's own call.
        return unsafe { POSIX_MEMALIGN.get()(out, align, size) };
    }
    let status = Cell::new(0);
    let block = aligned(align, size, || {
        let mut block = null_mut();
        // SAFETY: the program's own call, but for where the block is written.
        status.set(unsafe { POSIX_MEMALIGN.get()(&raw mut block, align, size) });
        block
    });
    if status.get() == 0 {
        // SAFETY: the caller's own out pointer.
        unsafe { out.write(block) };
    }
    status.get()
}

/// aligned_alloc(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    // SAFETY: the program's own call.
    aligned(align, size, || unsafe { ALIGNED_ALLOC.get()(align, size) })
}

/// memalign(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    // SAFETY: the program's own call.
    aligned(align, size, || unsafe { MEMALIGN.get()(align, size) })
}

/// valloc(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    // SAFETY: the program's own call.
    aligned(sys::PAGE, size, || unsafe { VALLOC.get()(size) })
}

/// pvalloc(3): whole pages.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    let whole = size.checked_next_multiple_of(sys::PAGE).unwrap_or(0);
    // SAFETY: the program's own call.
    aligned(sys::PAGE, whole, || unsafe { PVALLOC.get()(size) })
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
    let purged = state::enter().is_some_and(|live| {
        heap::before_trim(&live);
        recycle::purge(&live)
    });
    drop(errno);
    // SAFETY: the program's own call.
    let trimmed = unsafe { MALLOC_TRIM.get()(pad) };
    c_int::from(purged || trimmed != 0)
}

/// mallopt(3). A program that says itself which blocks malloc maps, or has it fill what it gives (which glibc does with blocks of
/// every size), has its way: our malloc rules end there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mallopt(param: c_int, value: c_int) -> c_int {
    state::resolve_early();
    // SAFETY: the program's own call.
    let accepted = unsafe { MALLOPT.get()(param, value) };
    if accepted != 0 && !matches!(param, libc::M_ARENA_TEST | libc::M_ARENA_MAX | libc::M_MXFAST) {
        heap::yield_to_program(param);
    }
    let is_filled = param == libc::M_PERTURB && value != 0;
    if accepted != 0 && (param == libc::M_MMAP_THRESHOLD || param == libc::M_MMAP_MAX || is_filled) {
        BOUND.store(usize::MAX, Relaxed);
        state::refuse_malloc_rules();
        recycle::never_again();
    }
    accepted
}
