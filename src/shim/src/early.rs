//! The allocator of the time before the constructor: a bump arena.
//!
//! Other libraries' constructors and the loader allocate before we know the real malloc (gdb: 845 calls). What must
//! hold here: no lock, no failure short of no memory, usable from any thread; a block is never reused (free does
//! nothing) and stays recognisable for ever, so that a later `free` or `realloc` of it finds its way back here.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};

use crate::{small_path, sys};

/// Bytes of the first arena: enough for nearly every program, resident only as far as it is used.
const FIRST: usize = 128 << 10;
/// Further arenas, each at least twice as large as the one before.
const ARENAS: usize = 24;
/// Bytes before each block: its size.
const HEADER: usize = 16;

/// `Slot::start` while a thread makes the arena; 0 before that.
const MAKING: usize = 1;

/// Start, end and next free byte of an arena.
struct Slot {
    start: AtomicUsize,
    end: AtomicUsize,
    next: AtomicUsize,
}

static SLOTS: [Slot; ARENAS] =
    [const { Slot { start: AtomicUsize::new(0), end: AtomicUsize::new(0), next: AtomicUsize::new(0) } }; ARENAS];

/// Bytes handed out, for the counter page.
#[unsafe(link_section = ".bss.start")]
pub static BYTES: AtomicU64 = AtomicU64::new(0);

/// Whether a block came from here.
pub fn owns(block: usize) -> bool {
    SLOTS.iter().any(|s| {
        let start = s.start.load(Acquire);
        start > MAKING && (start..s.end.load(Relaxed)).contains(&block)
    })
}

fn bump(next: &AtomicUsize, end: usize, size: usize, align: usize) -> Option<usize> {
    let mut at = next.load(Relaxed);
    loop {
        let block = at.checked_add(HEADER)?.checked_next_multiple_of(align)?;
        let after = block.checked_add(size)?.checked_next_multiple_of(16)?;
        if after > end {
            return None;
        }
        match next.compare_exchange_weak(at, after, Relaxed, Relaxed) {
            Ok(_) => return Some(block),
            Err(other) => at = other,
        }
    }
}

/// Makes arena `index`, or says that another thread is doing so.
fn make(index: usize, at_least: usize) -> Option<()> {
    let slot = SLOTS.get(index)?;
    let len = (FIRST << index).max(at_least.checked_next_multiple_of(sys::PAGE)?);
    let Ok(start) = map(len) else {
        slot.start.store(0, Release);
        return None;
    };
    slot.next.store(start, Relaxed);
    slot.end.store(start + len, Relaxed);
    slot.start.store(start, Release);
    Some(())
}

/// Maps an arena where frees of other memory are not mistaken for its own, if that can be.
fn map(len: usize) -> Result<usize, sys::Errno> {
    static USED: AtomicUsize = AtomicUsize::new(0);
    small_path::claim();
    let map = |at, flags| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | flags;
        // SAFETY: a fresh mapping: nothing is replaced.
        unsafe { sys::mmap(at, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) }
    };
    let offset = USED.fetch_add(len.next_multiple_of(sys::HUGE), Relaxed);
    let wanted = small_path::ours() + offset;
    let placed =
        if offset + len <= small_path::EARLY { map(wanted, libc::MAP_FIXED_NOREPLACE) } else { Err(libc::ENOMEM) };
    let start = placed.or_else(|_| map(0, 0))?;
    if start != wanted {
        small_path::widen(start, len); // an old kernel takes the place for a hint
    }
    Ok(start)
}

fn allocate(size: usize, align: usize) -> *mut c_void {
    let align = align.max(16);
    let Some(needed) = size.checked_add(align + HEADER).filter(|n| *n < isize::MAX as usize) else {
        sys::set_errno(libc::ENOMEM);
        return null_mut();
    };
    for (index, slot) in SLOTS.iter().enumerate() {
        let mut start = slot.start.load(Acquire);
        if start == 0
            && slot.start.compare_exchange(0, MAKING, Acquire, Acquire).is_ok()
            && make(index, needed).is_none()
        {
            break;
        }
        start = slot.start.load(Acquire);
        while start == MAKING {
            // Another thread maps this arena: a matter of one mmap, before any program runs in earnest.
            core::hint::spin_loop();
            start = slot.start.load(Acquire);
        }
        if start == 0 {
            continue;
        }
        if let Some(block) = bump(&slot.next, slot.end.load(Relaxed), size, align) {
            // SAFETY: the 16 bytes before the block belong to it.
            unsafe { ((block - HEADER) as *mut usize).write(size) };
            BYTES.fetch_add(size as u64, Relaxed);
            return block as *mut c_void;
        }
    }
    sys::set_errno(libc::ENOMEM);
    null_mut()
}

/// malloc(3).
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    allocate(size, 16)
}

/// calloc(3): arenas are zero when they are mapped, and no byte is handed out twice.
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    allocate(count.saturating_mul(size), 16)
}

/// realloc(3) before the constructor: every block is one of ours.
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if !block.is_null() && !owns(block as usize) {
        sys::set_errno(libc::ENOMEM);
        return null_mut();
    }
    let new = allocate(size, 16);
    if !new.is_null() && !block.is_null() {
        // SAFETY: both blocks hold so many bytes.
        unsafe { core::ptr::copy_nonoverlapping(block.cast::<u8>(), new.cast::<u8>(), size.min(usable_size(block))) };
    }
    new
}

/// free(3): nothing; the arenas stay.
pub extern "C" fn free(_block: *mut c_void) {}

/// memalign(3), aligned_alloc(3).
pub extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    match align.checked_next_power_of_two() {
        Some(align) => allocate(size, align),
        None => {
            sys::set_errno(libc::EINVAL);
            null_mut()
        }
    }
}

/// posix_memalign(3).
pub unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<usize>()) {
        return libc::EINVAL;
    }
    let kept = sys::KeepErrno::new();
    let block = allocate(size, align);
    drop(kept);
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller's own out pointer.
    unsafe { out.write(block) };
    0
}

/// valloc(3), pvalloc(3).
pub extern "C" fn valloc(size: usize) -> *mut c_void {
    match size.checked_next_multiple_of(sys::PAGE) {
        Some(size) => allocate(size, sys::PAGE),
        None => memalign(sys::PAGE, size),
    }
}

/// malloc_usable_size(3).
pub unsafe extern "C" fn usable_size(block: *mut c_void) -> usize {
    if block.is_null() || !owns(block as usize) {
        return 0;
    }
    // SAFETY: a block of ours, with its size before it.
    unsafe { block.cast::<u8>().sub(HEADER).cast::<usize>().read() }
}

/// malloc_trim(3) where the real allocator has none: nothing was released.
pub extern "C" fn nothing() -> c_int {
    0
}
