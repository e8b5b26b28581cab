//! Where a lock of ours has ended within a mapping: what the kernel does not always put together again once it is unlocked.
//!
//! Two parts of a private mapping that were first written while the lock parted them, or that a fork has copied parted, belong
//! to two different anon_vmas for ever, and mremap(2) over both is refused with EFAULT, as it never would be alone (mm/mremap.c;
//! is_mergeable_anon_vma in mm/vma.c). Then the parts are moved one by one.
//!
//! What must hold here: only parts that meet at a seam of ours; nothing is lost: if a part can't be moved, those that were go
//! back. A seam may be forgotten (another took its place), or be long gone: a part may well be less than a mapping.

use core::ffi::c_int;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::sys::{self, Errno, PAGE};

const SEAMS: usize = 4096;
/// Most parts of one mapping.
const MOST: usize = 64;
/// mremap(2), Linux 5.7.
const MREMAP_DONTUNMAP: c_int = 4;

static TABLE: [AtomicUsize; SEAMS] = [const { AtomicUsize::new(0) }; SEAMS];

/// We have locked or unlocked `start .. end`, and what lies on either side otherwise.
pub fn note(start: usize, end: usize) {
    for at in [start, end] {
        // Multiplicative hashing of the page's number (Knuth, vol. 3, 6.4).
        let hash = ((at / PAGE) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52;
        if let Some(entry) = TABLE.get(hash as usize) {
            entry.store(at, Relaxed);
        }
    }
}

/// The parts of a range, in order.
struct Parts {
    /// where each begins, and where the last one ends
    bounds: [usize; MOST + 1],
    count: usize,
}

impl Parts {
    /// None: it has no seam, or too many.
    fn of(start: usize, end: usize) -> Option<Parts> {
        let mut parts = Parts { bounds: [0; MOST + 1], count: 0 };
        let inner = TABLE.iter().map(|entry| entry.load(Relaxed)).filter(|at| *at > start && *at < end);
        for at in inner.chain([start, end]) {
            *parts.bounds.get_mut(parts.count)? = at;
            parts.count += 1;
        }
        let known = parts.bounds.get_mut(..parts.count)?;
        known.sort_unstable();
        parts.count -= 1;
        (parts.count > 1).then_some(parts)
    }

    /// Where a part begins, and its bytes.
    fn get(&self, index: usize) -> (usize, usize) {
        let at = |index: usize| self.bounds.get(index).copied().unwrap_or(0);
        (at(index), at(index + 1) - at(index))
    }
}

/// What mremap(2) was to do and refused with EFAULT, part by part. None: that is not for us to do.
///
/// # Safety
/// As for mremap(2), with these arguments; whole pages.
pub unsafe fn mremap(
    old: usize,
    old_len: usize,
    len: usize,
    flags: c_int,
    to: usize,
) -> Option<core::result::Result<usize, Errno>> {
    if len < old_len {
        return None; // what is shrunk is unmapped, over however many
    }
    let parts = Parts::of(old, old.checked_add(old_len)?)?;
    let signals = sys::block_signals(); // a handler that looks at what is half-way would be lost
    // SAFETY: as the caller says.
    let done = unsafe { move_all(&parts, len - old_len, flags, to) };
    sys::restore_signals(signals);
    Some(done)
}

/// # Safety
/// As for [`mremap`].
unsafe fn move_all(parts: &Parts, growth: usize, flags: c_int, to: usize) -> core::result::Result<usize, Errno> {
    let (old, last) = (parts.get(0).0, parts.count - 1);
    let (from, bytes) = parts.get(last);
    let whole = from + bytes - old + growth;
    if flags & (libc::MREMAP_FIXED | MREMAP_DONTUNMAP) == 0 {
        // SAFETY: the last part grows where it is, or stays as it is.
        match unsafe { sys::mremap(from, bytes, bytes + growth, 0, 0) } {
            Ok(_) => return Ok(old),
            Err(errno) if flags & libc::MREMAP_MAYMOVE == 0 => return Err(errno),
            Err(_) => {}
        }
    }
    let is_fixed = flags & libc::MREMAP_FIXED != 0;
    let target = if is_fixed {
        to
    } else {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh mapping, each byte of which is replaced, or unmapped again.
        unsafe { sys::mmap(0, whole, libc::PROT_NONE, flags, -1, 0) }?
    };
    let how = flags | libc::MREMAP_FIXED | libc::MREMAP_MAYMOVE;
    // The last one first: it is the one that may find no room to grow.
    for index in (0..parts.count).rev() {
        let (from, bytes) = parts.get(index);
        let more = if index == last { growth } else { 0 };
        // SAFETY: the caller's own range, to where the caller wants it or we have reserved room.
        let moved = unsafe { sys::mremap(from, bytes, bytes + more, how, target + (from - old)) };
        let Err(errno) = moved else { continue };
        for back in index + 1..parts.count {
            let (from, bytes) = parts.get(back);
            let more = if back == last { growth } else { 0 };
            let how = libc::MREMAP_FIXED | libc::MREMAP_MAYMOVE;
            // SAFETY: to where it came from, which nobody was told to be free.
            let _ = unsafe { sys::mremap(target + (from - old), bytes + more, bytes, how, from) };
        }
        if !is_fixed {
            // SAFETY: what is left of the room we had reserved.
            let _ = unsafe { sys::munmap(target, whole) };
        }
        return Err(errno);
    }
    for index in 1..parts.count {
        let at = target + (parts.get(index).0 - old);
        note(at, at);
    }
    Ok(target)
}
