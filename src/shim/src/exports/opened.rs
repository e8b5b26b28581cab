//! The hooks of open and close: files that the program reads without mapping them.
//!
//! What must hold here: where no rule wants to know of opened files, one load and a jump; the program's own call has
//! succeeded before an open is looked at, and comes after a close was; open(2) and its like are points of cancellation, so
//! the real functions are called, never the system calls.

use core::ffi::c_char;

use super::*;
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
            if !descriptors::is_wanted() {
                // SAFETY: the program's own call.
                return unsafe { $real.get()($($arg),*) };
            }
            // SAFETY: the program's own call.
            seen(unsafe { $real.get()($($arg),*) }, $flags)
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
    // SAFETY: as the caller says.
    if descriptors::is_wanted() && !stream.is_null() && unsafe { mode.read() } == b'r' as c_char {
        let _errno = KeepErrno::new();
        // SAFETY: as above.
        seen(unsafe { FILENO.get()(stream) }, libc::O_RDONLY);
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
    if descriptors::any() {
        unseen(fd);
    }
    // SAFETY: the program's own call.
    unsafe { CLOSE.get()(fd) }
}

/// fclose(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fclose(stream: *mut c_void) -> c_int {
    state::resolve_early();
    if descriptors::any() && !stream.is_null() {
        let _errno = KeepErrno::new();
        // SAFETY: the program's own stream.
        unseen(unsafe { FILENO.get()(stream) });
    }
    // SAFETY: the program's own call.
    unsafe { FCLOSE.get()(stream) }
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
