//! madvise(2), posix_madvise(3), process_madvise(2), msync(2): what is refused because of a lock of ours is asked again without it.
//!
//! What must hold here: as in `exports`.

use super::locked::pages_of;
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
        watch::gives_up(at as usize, len);
    }
    if matches!(advice, libc::MADV_RANDOM | libc::MADV_SEQUENTIAL | libc::MADV_NORMAL) {
        watch::says_how_it_reads(at as usize, len, advice);
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
    const MADV_GUARD_INSTALL: c_int = 102;
    match advice {
        libc::MADV_DONTFORK | MADV_GUARD_INSTALL => displace(at, len),
        _ if !is_harmless_to_the_next(advice) => taint(at, len),
        _ => {}
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

/// The ranges that a vector of the program's names. Nothing is read that the kernel has not shown to be readable: it may be no
/// vector at all, and the call then fails as it would.
fn ranges_of(vector: *const libc::iovec, count: usize) -> impl Iterator<Item = (usize, usize)> {
    const MOST: usize = 1024; // UIO_MAXIOV
    let count = if count > MOST { 0 } else { count };
    let mut seen = None;
    (0..count).map_while(move |index| {
        let entry = vector.wrapping_add(index);
        let page = (entry as usize).wrapping_add(size_of::<libc::iovec>() - 1) / PAGE;
        let is_sound = seen == Some(page)
            || sys::is_readable(entry as usize) && sys::is_readable((entry as usize).wrapping_add(size_of::<usize>()));
        seen = Some(page);
        // SAFETY: as shown; the kernel takes it at any alignment, and so do we.
        let range = is_sound.then(|| unsafe { entry.read_unaligned() })?;
        Some((range.iov_base as usize, range.iov_len))
    })
}

/// process_madvise(2), Linux 5.10. Called by its number, because C libraries before glibc 2.36 don't have it. Where it is about
/// another process, what is done here to the same addresses of ours does no harm.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn process_madvise(
    process: c_int,
    vector: *const libc::iovec,
    count: usize,
    advice: c_int,
    flags: c_uint,
) -> isize {
    let mut wanted = 0usize;
    if state::is_on() && flags == 0 && !captive::is_here() {
        let _errno = KeepErrno::new();
        for (at, len) in ranges_of(vector, count) {
            if !is_harmless_to_the_next(advice) {
                taint(at as *const c_void, len);
            }
            before_advice(at as *const c_void, len, advice);
            wanted = wanted.saturating_add(len);
        }
    }
    // SAFETY: the program's own call.
    let ask = || unsafe {
        let (process, vector, advice, flags) = (process as usize, vector as usize, advice as usize, flags as usize);
        SYSCALL.get()(libc::SYS_process_madvise, process, vector, count, advice, flags, 0) as isize
    };
    let before = sys::errno();
    let mut result = ask();
    // It says how much it has done of it if it was refused after the first range.
    let is_refused = if result < 0 { sys::errno() == libc::EINVAL } else { (result as usize) < wanted };
    if is_refused && is_refused_when_locked(advice) {
        let mut turn = None;
        after(|live| {
            turn = transit::turn();
            for (at, len) in ranges_of(vector, if turn.is_some() { count } else { 0 }) {
                let (start, len) = pages_of(at as *const c_void, len);
                turn.iter().for_each(|turn| transit::unlock(live, turn, start, len));
            }
        });
        if turn.is_some() {
            sys::set_errno(before);
            result = ask();
        }
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
