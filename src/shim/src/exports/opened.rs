//! The hooks of open and close: files that the program reads without mapping them.
//!
//! What must hold here: where no rule wants to know of opened files, two loads and a jump; the program's own call has
//! succeeded before an open is looked at, and comes after a close was; open(2) and its like are points of cancellation, so
//! the real functions are called, never the system calls.

use core::ffi::c_char;

use super::counted;
use super::*;
use crate::looks::Open;
use crate::{descriptors, opened};

/// After an open with these flags: only files that are opened for reading count.
fn seen(fd: c_int, flags: c_int) -> c_int {
    if fd >= 0 && flags & libc::O_ACCMODE != libc::O_WRONLY && flags & (libc::O_PATH | libc::O_DIRECTORY) == 0 {
        after(|live| opened::opened(live, fd));
    }
    fd
}

/// Before a close.
fn unseen(fd: c_int) {
    if descriptors::is_watched(fd) {
        after(|live| descriptors::closing(live, fd));
    }
}

macro_rules! open {
    ($($name:ident $real:ident($($arg:ident: $type:ty),*) $flags:ident;)*) => {$(
        /// See open(2). The mode is there if the flags ask for one, and is passed on as it came in any case.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*) -> c_int {
            if !descriptors::is_wanted() && !crew::has_been() {
                // SAFETY: the program's own call.
                return unsafe { $real.get()($($arg),*) };
            }
            // SAFETY: the program's own call.
            unsafe {
                let fd = $real.get()($($arg),*);
                counted::opened(fd, Open::descriptor(fd));
                if descriptors::is_wanted() { seen(fd, $flags) } else { fd }
            }
        }
    )*};
}
open! {
    open OPEN(path: *const c_char, flags: c_int, mode: c_uint) flags;
    open64 OPEN64(path: *const c_char, flags: c_int, mode: c_uint) flags;
    openat OPENAT(folder: c_int, path: *const c_char, flags: c_int, mode: c_uint) flags;
    openat64 OPENAT64(folder: c_int, path: *const c_char, flags: c_int, mode: c_uint) flags;
    __open_2 OPEN_2(path: *const c_char, flags: c_int) flags;
    __open64_2 OPEN64_2(path: *const c_char, flags: c_int) flags;
    __openat_2 OPENAT_2(folder: c_int, path: *const c_char, flags: c_int) flags;
    __openat64_2 OPENAT64_2(folder: c_int, path: *const c_char, flags: c_int) flags;
}

/// After fopen(3).
///
/// # Safety
/// What the real function returned, and its second argument.
unsafe fn seen_stream(stream: *mut c_void, mode: *const c_char) -> *mut c_void {
    if !stream.is_null() && (descriptors::is_wanted() || crew::has_been()) {
        let _errno = KeepErrno::new();
        // SAFETY: as the caller says.
        let fd = unsafe { FILENO.get()(stream) };
        counted::opened(fd, Open::stream(stream as usize));
        // SAFETY: as above.
        if descriptors::is_wanted() && unsafe { mode.read() } == b'r' as c_char {
            seen(fd, libc::O_RDONLY);
        }
    }
    stream
}

/// fopen(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fopen(path: *const c_char, mode: *const c_char) -> *mut c_void {
    state::resolve_early();
    // SAFETY: the program's own call.
    unsafe { seen_stream(FOPEN.get()(path, mode), mode) }
}

/// fopen64(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fopen64(path: *const c_char, mode: *const c_char) -> *mut c_void {
    state::resolve_early();
    // SAFETY: the program's own call.
    unsafe { seen_stream(FOPEN64.get()(path, mode), mode) }
}

/// close(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    let _comes_back = counted::closing([Open::descriptor(fd)]);
    if descriptors::any() {
        unseen(fd);
    }
    // SAFETY: the program's own call.
    unsafe { CLOSE.get()(fd) }
}

/// fclose(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fclose(stream: *mut c_void) -> c_int {
    // SAFETY: the program's own call.
    unsafe {
        unseen_stream(stream);
        let _comes_back = counted::closing_stream(stream, FILENO.get());
        FCLOSE.get()(stream)
    }
}

/// A descriptor becomes a duplicate of another one, which closes what it was.
fn replaced(old: c_int, new: c_int, call: impl FnOnce() -> c_int) -> c_int {
    if old != new && descriptors::any() {
        unseen(new);
    }
    let comes_back = if old == new { None } else { counted::closing([Open::descriptor(new)]) };
    let result = call();
    if result < 0 {
        core::mem::forget(comes_back); // nothing was closed
    } else if old != new {
        drop(comes_back);
        counted::duplicated(Open::descriptor(old), Open::descriptor(new));
    }
    result
}

/// dup2(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dup2(old: c_int, new: c_int) -> c_int {
    // SAFETY: the program's own call.
    replaced(old, new, || unsafe { DUP2.get()(old, new) })
}

/// dup3(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dup3(old: c_int, new: c_int, flags: c_int) -> c_int {
    // SAFETY: the program's own call.
    replaced(old, new, || unsafe { DUP3.get()(old, new, flags) })
}

/// Before all descriptors from `first` to `last` are closed.
fn all_unseen(first: c_uint, last: c_uint) {
    if descriptors::any() {
        after(|live| descriptors::closing_all(live, first, last));
    }
}

/// close_range(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    const CLOSE_RANGE_CLOEXEC: c_int = 4; // nothing is closed before an exec, for which there is no thread of ours
    if flags & CLOSE_RANGE_CLOEXEC == 0 {
        all_unseen(first, last);
    }
    // SAFETY: the program's own call.
    unsafe { CLOSE_RANGE.get()(first, last, flags) }
}

/// closefrom(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn closefrom(first: c_int) {
    all_unseen(first.max(0) as c_uint, c_uint::MAX);
    // SAFETY: the program's own call.
    unsafe { CLOSEFROM.get()(first) }
}

/// Before a stream's file is closed.
///
/// # Safety
/// The program's own stream.
unsafe fn unseen_stream(stream: *mut c_void) {
    state::resolve_early();
    if descriptors::any() && !stream.is_null() {
        let _errno = KeepErrno::new();
        // SAFETY: as the caller says.
        unseen(unsafe { FILENO.get()(stream) });
    }
}

/// freopen(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freopen(path: *const c_char, mode: *const c_char, stream: *mut c_void) -> *mut c_void {
    // SAFETY: the program's own call.
    unsafe {
        unseen_stream(stream);
        FREOPEN.get()(path, mode, stream)
    }
}

/// freopen64(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freopen64(path: *const c_char, mode: *const c_char, stream: *mut c_void) -> *mut c_void {
    // SAFETY: the program's own call.
    unsafe {
        unseen_stream(stream);
        FREOPEN64.get()(path, mode, stream)
    }
}

/// The program's own advice stands.
fn advised(fd: c_int, advice: c_int) {
    if advice <= libc::POSIX_FADV_SEQUENTIAL && descriptors::any() {
        descriptors::advised(fd);
    }
}

/// posix_fadvise(2): returns the errno, and doesn't set it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fadvise(fd: c_int, offset: i64, len: i64, advice: c_int) -> c_int {
    advised(fd, advice);
    // SAFETY: the program's own call.
    unsafe { POSIX_FADVISE.get()(fd, offset, len, advice) }
}

/// posix_fadvise64(2): the same on 64-bit machines.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fadvise64(fd: c_int, offset: i64, len: i64, advice: c_int) -> c_int {
    advised(fd, advice);
    // SAFETY: the program's own call.
    unsafe { POSIX_FADVISE64.get()(fd, offset, len, advice) }
}

/// After a system call that opens, made by way of syscall(2).
pub fn seen_by_syscall(fd: c_long) -> c_long {
    match descriptors::is_wanted() {
        // What it was opened for is asked of the descriptor.
        true => c_long::from(seen(fd as c_int, libc::O_RDONLY)),
        false => fd,
    }
}

/// Before a close(2) made by way of syscall(2).
pub fn unseen_by_syscall(fd: c_int) {
    if descriptors::any() {
        unseen(fd);
    }
}
