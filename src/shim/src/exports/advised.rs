//! madvise(2), posix_madvise(3), msync(2): what is refused because of a lock of ours is asked again without it.
//!
//! What must hold here: as in `exports`.

use super::*;

/// Advice that the kernel refuses on locked memory.
fn is_refused_when_locked(advice: c_int) -> bool {
    const MADV_COLD: c_int = 20;
    const MADV_PAGEOUT: c_int = 21;
    const MADV_GUARD_INSTALL: c_int = 102; // Linux 6.13
    matches!(
        advice,
        libc::MADV_DONTNEED | libc::MADV_FREE | libc::MADV_REMOVE | MADV_COLD | MADV_PAGEOUT | MADV_GUARD_INSTALL
    )
}

/// Before the program's own advice. It gives the content of a range up: a thread of ours must not bring pages back. It says
/// how it reads: a thread of ours must not say otherwise after it.
fn before_advice(at: *const c_void, len: usize, advice: c_int) {
    if is_refused_when_locked(advice) {
        ahead::give_way(at as usize, len);
    }
    if matches!(advice, libc::MADV_RANDOM | libc::MADV_SEQUENTIAL | libc::MADV_NORMAL) {
        watch::give_way(at as usize, len);
    }
    if let Some(ours) = mapping::advice_like(advice).filter(|_| !regions::none()) {
        after(|_| mapping::is_advised(at as usize, len, ours));
    }
}

/// The program's advice was refused, perhaps because we locked the range. Some(None): what it asked for is done, and the lock
/// stays. Some(Some): the lock is gone, also if that was another thread's doing, and does not come back before this goes: ask
/// again.
fn make_way(at: usize, len: usize, advice: c_int) -> Option<Option<Turn>> {
    const MADV_DONTNEED_LOCKED: c_int = 24; // Linux 5.18
    let len = len.checked_next_multiple_of(PAGE).filter(|len| is_range(at as *const c_void, *len))?;
    if !is_refused_when_locked(advice) {
        return None;
    }
    let mut way = None;
    undoing(|live| {
        let Some(turn) = transit::turn() else { return };
        let is_done = advice == libc::MADV_DONTNEED
            && regions::is_wholly_locked(at, len)
            // SAFETY: the program's own wish: the pages go.
            && unsafe { sys::madvise(at, len, MADV_DONTNEED_LOCKED) }.is_ok();
        if !is_done {
            transit::unlock(live, &turn, at, len);
        }
        way = Some((!is_done).then_some(turn));
    });
    way
}

/// Advice after which a block is as good as before for whoever gets it next. numpy gives the first to all larger arrays.
fn is_harmless_to_the_next(advice: c_int) -> bool {
    const MADV_POPULATE_READ: c_int = 22;
    const MADV_POPULATE_WRITE: c_int = 23;
    const MADV_COLLAPSE: c_int = 25;
    matches!(advice, libc::MADV_HUGEPAGE | MADV_POPULATE_READ | MADV_POPULATE_WRITE | MADV_COLLAPSE)
}

/// madvise(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn madvise(at: *mut c_void, len: usize, advice: c_int) -> c_int {
    if !is_harmless_to_the_next(advice) {
        taint(at, len);
    }
    before_advice(at, len, advice);
    let before = sys::errno();
    // SAFETY: the program's own call.
    let mut result = unsafe { MADVISE.get()(at, len, advice) };
    if result != 0
        && sys::errno() == libc::EINVAL
        && let Some(turn) = make_way(at as usize, len, advice)
    {
        sys::set_errno(before);
        // SAFETY: as above.
        result = if turn.is_some() { unsafe { MADVISE.get()(at, len, advice) } } else { 0 };
    }
    if result == 0 && state::is_on() {
        after(|live| {
            live.page.add(C::MadviseCalls, 1);
            mapping::advised(at as usize, len, advice);
        });
    }
    result
}

/// posix_madvise(3): returns the errno, and doesn't set it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_madvise(at: *mut c_void, len: usize, advice: c_int) -> c_int {
    taint(at, len);
    before_advice(at, len, advice);
    // SAFETY: the program's own call.
    let mut result = unsafe { POSIX_MADVISE.get()(at, len, advice) };
    if result == libc::EINVAL
        && let Some(turn) = make_way(at as usize, len, advice)
    {
        // SAFETY: as above.
        result = if turn.is_some() { unsafe { POSIX_MADVISE.get()(at, len, advice) } } else { 0 };
    }
    if result == 0 && state::is_on() {
        after(|live| {
            live.page.add(C::MadviseCalls, 1);
            mapping::advised(at as usize, len, advice);
        });
    }
    result
}

/// msync(2): MS_INVALIDATE is refused on locked memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msync(at: *mut c_void, len: usize, flags: c_int) -> c_int {
    let before = sys::errno();
    // SAFETY: the program's own call.
    let mut result = unsafe { MSYNC.get()(at, len, flags) };
    if result != 0 && sys::errno() == libc::EBUSY {
        let mut turn = None;
        undoing(|live| {
            turn = transit::turn();
            if let Some(turn) = &turn {
                transit::unlock(live, turn, at as usize, len.next_multiple_of(PAGE));
            }
        });
        if turn.is_some() {
            sys::set_errno(before);
            // SAFETY: as above.
            result = unsafe { MSYNC.get()(at, len, flags) };
        }
    }
    result
}
