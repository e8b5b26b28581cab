//! The mlock family: the program's locks come before ours.
//!
//! What must hold here: as in `exports`.

use super::*;

/// A call of the mlock family: once, and if the limit is reached while locks of ours count against it, again without them.
pub(super) fn lock_call(mut call: impl FnMut() -> c_int, taken_over: (usize, usize)) -> c_int {
    taint(taken_over.0 as *const c_void, taken_over.1);
    if !regions::none() {
        undoing(|live| regions::unlock_what_must_stay_whole(live, taken_over.0, taken_over.1));
    }
    let before = sys::errno();
    let mut result = call();
    if result != 0
        && matches!(sys::errno(), libc::ENOMEM | libc::EAGAIN | libc::EPERM)
        && let Some(_turn) = release_all_locks()
    {
        sys::set_errno(before);
        result = call();
    }
    if result == 0 && !regions::none() {
        undoing(|live| regions::lock_taken_over(live, taken_over.0, taken_over.1));
    }
    if result == 0 && state::is_on() {
        after(|live| {
            live.page.add(C::MlockCalls, 1);
            if !regions::none() {
                // What is merely reserved is not locked by us once it becomes writable: the lock is the program's.
                regions::program_said(taken_over.0, taken_over.1, regions::PROGRAM_LOCK);
            }
        });
    }
    result
}

/// The whole pages that a call of the mlock family works on.
pub fn pages_of(at: *const c_void, len: usize) -> (usize, usize) {
    let start = at as usize & !(PAGE - 1);
    (start, (at as usize).saturating_add(len).saturating_sub(start).saturating_add(PAGE - 1) & !(PAGE - 1))
}

/// mlock(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mlock(at: *const c_void, len: usize) -> c_int {
    watch::locks_itself(pages_of(at, len));
    // SAFETY: the program's own call.
    lock_call(|| unsafe { MLOCK.get()(at, len) }, pages_of(at, len))
}

/// mlock2(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mlock2(at: *const c_void, len: usize, flags: c_uint) -> c_int {
    watch::locks_itself(pages_of(at, len));
    // SAFETY: the program's own call.
    lock_call(|| unsafe { MLOCK2.get()(at, len, flags) }, pages_of(at, len))
}

/// munlock(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn munlock(at: *const c_void, len: usize) -> c_int {
    // SAFETY: the program's own call.
    lock_call(|| unsafe { MUNLOCK.get()(at, len) }, pages_of(at, len))
}

/// mlockall(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mlockall(flags: c_int) -> c_int {
    heap::before_mlockall();
    recycle::never_again(); // it would be locked too, and with MCL_FUTURE count against RLIMIT_MEMLOCK
    let taken_over = if flags & libc::MCL_CURRENT != 0 { (0, usize::MAX) } else { (0, 0) };
    watch::locks_itself(taken_over);
    // From here on all that is mapped counts, or all that the main stack grows by, and what we have locked would leave no room for it.
    let _turn = release_all_locks();
    // SAFETY: the program's own call.
    let result = lock_call(|| unsafe { MLOCKALL.get()(flags) }, taken_over);
    if result == 0 {
        heap::locked_all(flags);
    }
    result
}

/// munlockall(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn munlockall() -> c_int {
    // SAFETY: the program's own call.
    let result = lock_call(|| unsafe { MUNLOCKALL.get()() }, (0, usize::MAX));
    if result == 0 {
        heap::locked_all(0);
    }
    result
}
