//! The hooks of the memory calls: the names that the program's calls reach.
//!
//! What must hold here: the real call first, with the same return value and errno; what comes after it leaves errno
//! alone on success. Each hook is a few lines: the work is in `mapping`, `regions` and `act`. Together with `malloc`,
//! `process`, `exec` and the trampolines in `arch` these are all names that the library exports (exports.txt).

mod advised;
mod counted;
mod limited;
mod locked;
mod opened;
mod watched;

use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};

use faultless_core::counters::C;

use crate::crew::ahead;
use crate::live::Live;
use crate::mapping::{self, Mapped};
use crate::real::*;
use crate::state;
use crate::sys::{self, KeepErrno, PAGE};
use crate::transit::{self, Passage, Turn};
use crate::{blocks, budget, captive, crew, heap, limits, looks, pages, recycle, regions, segments, symbols, watch};

pub use watched::{WATCHED, syscall_watched, watch_opens};

const MAP_FAILED: *mut c_void = usize::MAX as *mut c_void;

/// Runs `f` if hooks act here and now, with errno kept.
fn after(f: impl FnOnce(&Live<'_>)) {
    let _errno = KeepErrno::new();
    if let Some(live) = state::enter() {
        looks::end_in_time(&live);
        f(&live);
    }
}

/// The same for what undoes a lock of ours, or drops a record: also in a child that shares our memory.
fn undoing(f: impl FnOnce(&Live<'_>)) {
    let _errno = KeepErrno::new();
    if let Some(live) = state::enter_to_undo() {
        f(&live);
    }
}

/// The program makes an address-space call on a range: blocks that it touches are not kept for the next when they are freed.
fn taint(at: *const c_void, len: usize) {
    blocks::taint(at as usize, len);
}

/// The program is about to unmap a range, to have something else there, or to have it out of reach.
fn displace(at: *const c_void, len: usize) {
    taint(at, len);
    // A call that the kernel refuses displaces nothing.
    if (at as usize).is_multiple_of(PAGE) && (at as usize).checked_add(len).is_some_and(|end| end <= sys::HIGHEST) {
        pages::give_way(at as usize, len);
        budget::give_way(at as usize, len);
    }
}

/// A call that maps failed. Some: something of ours that stood in its way is gone, and it may be tried again; nothing is locked
/// anew before what is returned goes.
fn make_way_for_a_mapping() -> Option<Option<Turn>> {
    match sys::errno() {
        libc::EAGAIN => {
            let turn = release_all_locks();
            let kept = recycle::give_way();
            (kept || turn.is_some()).then_some(turn)
        }
        // A lock on a part has parted what mremap would take as one.
        libc::EFAULT => release_all_locks().map(Some),
        libc::ENOMEM => {
            let turn = if has_no_place_for_a_mapping() { release_all_locks() } else { None };
            let kept = recycle::give_way();
            (kept || turn.is_some()).then_some(turn)
        }
        _ => None,
    }
}

/// Whether the kernel has no mapping left for this process (vm.max_map_count), of which our locks in parts take some: then it
/// refuses the smallest. What is too large for it is refused for its size.
fn has_no_place_for_a_mapping() -> bool {
    if regions::none() || captive::is_here() {
        return false;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh mapping, which goes at once.
    match unsafe { sys::mmap(0, PAGE, libc::PROT_NONE, flags, -1, 0) } {
        Ok(at) => {
            // SAFETY: as above.
            let _ = unsafe { sys::munmap(at, PAGE) };
            false
        }
        Err(_) => true,
    }
}

/// A call that makes several mappings of one failed. As above: vm.max_map_count is all but certainly why.
fn make_way_for_parts() -> Option<Option<Turn>> {
    if sys::errno() != libc::ENOMEM {
        return None;
    }
    let turn = if regions::none() { None } else { release_all_locks() };
    let kept = recycle::give_way();
    (kept || turn.is_some()).then_some(turn)
}

/// A range that the kernel will take as it stands.
fn is_range(at: *const c_void, len: usize) -> bool {
    (at as usize).is_multiple_of(PAGE) && len != 0 && (at as usize).checked_add(len).is_some()
}

/// What we had locked in and around a range whose record has ended.
struct Locked {
    start: usize,
    end: usize,
    passage: Option<Passage>,
}

/// Drops what is recorded of a range that is about to go: before the call, because afterwards it may be another thread's.
fn forget(at: *mut c_void, len: usize) -> Option<Locked> {
    let len = len.next_multiple_of(PAGE);
    let (start, end) = regions::locked_around(at as usize, len).unzip();
    let mut passage = None;
    undoing(|live| {
        // A child that shares the memory may be killed in the call, and would leave it open for ever.
        passage = transit::going().filter(|_| state::is_own());
        regions::forget(live, at as usize, len);
    });
    Some(Locked { start: start?, end: end?, passage })
}

/// The call is over, so what was locked is gone, or is known to be there still.
fn passed(locked: &mut Option<Locked>) {
    locked.iter_mut().for_each(|locked| locked.passage = None);
}

/// The call failed, and the range is still there: a lock that nobody has a record of must not stay. All of the stretch goes,
/// because to unlock a part would take a further mapping, and the want of one may be why the call failed.
fn unlock_after_all(locked: Locked) {
    let Locked { start, end, .. } = locked;
    undoing(|live| {
        regions::unlock(live, start, end - start);
        let _ = sys::munlock(start, end - start);
    });
}

/// mmap(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    at: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    off: i64,
) -> *mut c_void {
    if flags & libc::MAP_FIXED != 0 {
        displace(at, len);
    }
    if flags & libc::MAP_FIXED != 0 && is_range(at, len) {
        watch::give_way(at as usize, len);
    }
    let replaces = flags & libc::MAP_FIXED != 0 && is_range(at, len) && !regions::none();
    let mut had_locks = if replaces { forget(at, len) } else { None };
    let before = sys::errno();
    if flags & libc::MAP_ANONYMOUS != 0 && flags & libc::MAP_NORESERVE == 0 && prot & libc::PROT_WRITE != 0 {
        recycle::make_room(len);
    }
    // SAFETY: the program's own call.
    let mut got = unsafe { MMAP.get()(at, len, prot, flags, fd, off) };
    passed(&mut had_locks);
    if got == MAP_FAILED
        && let Some(_turn) = make_way_for_a_mapping()
    {
        sys::set_errno(before);
        // SAFETY: as above.
        got = unsafe { MMAP.get()(at, len, prot, flags, fd, off) };
    }
    if got == MAP_FAILED {
        had_locks.into_iter().for_each(unlock_after_all);
    }
    if got != MAP_FAILED && state::is_on() {
        let mut m = Mapped { hint: at as usize, at: got as usize, len, prot, flags, fd, offset: off as u64 };
        after(|live| m.at = mapping::mapped(live, &m));
        return m.at as *mut c_void;
    }
    got
}

/// mmap64(3): the same on 64-bit machines.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap64(
    at: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    off: i64,
) -> *mut c_void {
    // SAFETY: the program's own call.
    unsafe { mmap(at, len, prot, flags, fd, off) }
}

/// munmap(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(at: *mut c_void, len: usize) -> c_int {
    displace(at, len);
    if is_range(at, len) {
        watch::close(at as usize, len);
        watch::give_way(at as usize, len);
    }
    let mut had_locks = None;
    if !regions::none() && is_range(at, len) {
        after(|live| regions::sample_before(live, at as usize, len.next_multiple_of(PAGE)));
        had_locks = forget(at, len);
    }
    let before = sys::errno();
    // SAFETY: the program's own call.
    let mut result = unsafe { MUNMAP.get()(at, len) };
    if result != 0 {
        let is_more_whole = had_locks.is_some() && sys::errno() == libc::ENOMEM;
        had_locks.into_iter().for_each(unlock_after_all);
        let way = make_way_for_parts();
        if is_more_whole || way.is_some() {
            sys::set_errno(before);
            // SAFETY: as above.
            result = unsafe { MUNMAP.get()(at, len) };
        }
    }
    if result == 0 && state::is_on() {
        after(|live| live.page.add(C::MunmapCalls, 1));
    }
    result
}

/// mremap(2). The fifth argument counts only with MREMAP_FIXED or MREMAP_DONTUNMAP, so passing it always is the same call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mremap(
    old: *mut c_void,
    old_len: usize,
    len: usize,
    flags: c_int,
    to: *mut c_void,
) -> *mut c_void {
    displace(old, old_len);
    let (mut lifted, mut passage, mut is_followed) = (None, None, false);
    let whole = |len: usize| len.next_multiple_of(PAGE);
    let replaces = flags & libc::MREMAP_FIXED != 0 && is_range(to, len);
    if replaces {
        displace(to, len);
        watch::give_way(to as usize, len);
    }
    // Without an old length it makes a second view of a shared mapping: the first one stays.
    let moves = is_range(old, old_len);
    let watched = if moves { watch::lift(old as usize, whole(old_len)) } else { None };
    let mut had_locks = if replaces && !regions::none() { forget(to, len) } else { None };
    if !regions::none() && moves {
        after(|live| {
            passage = transit::going();
            if watched.is_some_and(|watched| watched.wants & watch::HOT != 0) {
                regions::let_go(live, old as usize, whole(old_len));
            }
            // A lock on a part of it has made two mappings of one, which mremap refuses to move together.
            regions::unlock_partly_locked(live, old as usize);
            lifted = regions::lift(old as usize, whole(old_len));
            if lifted.is_none() {
                // A part of what we have a record of: the record ends here.
                regions::unlock(live, old as usize, whole(old_len));
                regions::forget(live, old as usize, whole(old_len));
            }
            is_followed = true;
        });
        if !is_followed {
            // A child that shares our memory: it takes no record along.
            undoing(|live| {
                regions::unlock(live, old as usize, whole(old_len));
                regions::forget(live, old as usize, whole(old_len));
            });
        }
    }
    let before = sys::errno();
    recycle::make_room(len.saturating_sub(old_len));
    // SAFETY: the program's own call.
    let mut got = unsafe { MREMAP.get()(old, old_len, len, flags, to) };
    let is_beyond_limit = got == MAP_FAILED && sys::errno() == libc::EAGAIN;
    if got == MAP_FAILED {
        // Whoever waits for others must have none open.
        passage = None;
        passed(&mut had_locks);
    }
    // What else we have locked may be what leaves the program's own lock no room to grow.
    let way = if got == MAP_FAILED { make_way_for_a_mapping() } else { None };
    if way.is_some() || (is_beyond_limit && lifted.is_some()) {
        if is_beyond_limit && let Some(record) = lifted.take() {
            // Our lock made it grow beyond RLIMIT_MEMLOCK.
            let _ = sys::munlock(record.lock_start, record.lock_end.saturating_sub(record.lock_start));
            after(|live| regions::settle(live, &record));
        }
        sys::set_errno(before);
        // SAFETY: as above.
        got = unsafe { MREMAP.get()(old, old_len, len, flags, to) };
    }
    if got == MAP_FAILED {
        had_locks.into_iter().for_each(unlock_after_all);
    }
    after(|live| {
        if let Some(record) = lifted {
            let (start, len) = match got {
                MAP_FAILED => (record.start, record.end - record.start),
                got => (got as usize, whole(len)),
            };
            regions::land(live, record, start, len);
        }
        drop(passage);
        if let Some(watched) = watched {
            match got {
                MAP_FAILED => watch::moved(live, watched, watched.start, watched.end - watched.start),
                got => watch::moved(live, watched, got as usize, whole(len)),
            }
        }
        if got != MAP_FAILED {
            if moves {
                segments::moved(old as usize, got as usize, whole(len));
            }
            if old_len == 0 && regions::is_locked(old as usize, PAGE) {
                // The second view came with our lock on the first, and no record would show it.
                let _ = sys::munlock(got as usize, whole(len));
            }
            live.page.add(C::MremapCalls, 1);
        }
    });
    got
}

/// mprotect(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mprotect(at: *mut c_void, len: usize, prot: c_int) -> c_int {
    if prot & libc::PROT_WRITE == 0 {
        displace(at, len);
        ahead::give_way(at as usize, len);
    } else {
        taint(at, len);
        watch::made_writable(at as usize, len);
    }
    let before = sys::errno();
    if prot & libc::PROT_WRITE != 0 {
        recycle::make_room(len);
    }
    // SAFETY: the program's own call.
    let mut result = unsafe { MPROTECT.get()(at, len, prot) };
    if result != 0
        && let Some(_turn) = make_way_for_parts()
    {
        sys::set_errno(before);
        // SAFETY: as above.
        result = unsafe { MPROTECT.get()(at, len, prot) };
    }
    let writable = prot & (libc::PROT_WRITE | libc::PROT_EXEC) == libc::PROT_WRITE;
    if result == 0 && writable && !regions::none() && is_range(at, len) {
        after(|live| mapping::committed(live, at as usize, len));
    }
    result
}

/// Unlocks all that we locked, in favour of the program. Some if there ever was something; nothing is locked anew before it goes.
fn release_all_locks() -> Option<Turn> {
    let mut turn = None;
    undoing(|live| turn = transit::unlock_all(live));
    turn
}
