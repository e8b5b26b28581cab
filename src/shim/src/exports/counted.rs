//! The hooks of the calls by which a program finds out how many threads it has: those of stat(2), and opendir(3).
//!
//! What must hold here: the real call comes first, and where it has told of anything but a folder of the kernel's own, or no
//! thread of ours has been, nothing follows.

use core::ffi::c_char;

use super::*;
use crate::looks::Open;

/// What stat(2) and its like have told.
trait Told {
    /// mode, links, bytes, device and inode
    fn told(&self) -> (u32, u64, u64, u64, u64);
}

impl Told for libc::stat {
    fn told(&self) -> (u32, u64, u64, u64, u64) {
        (self.st_mode, self.st_nlink, self.st_size as u64, self.st_dev, self.st_ino)
    }
}

impl Told for libc::statx {
    fn told(&self) -> (u32, u64, u64, u64, u64) {
        let device = libc::makedev(self.stx_dev_major, self.stx_dev_minor);
        (u32::from(self.stx_mode), u64::from(self.stx_nlink), self.stx_size, device, self.stx_ino)
    }
}

/// After a call that has told of something: again without our threads, if that is the folder with one for each.
///
/// # Safety
/// The kernel has just written to `st`.
unsafe fn again<T: Told>(st: *const T, call: impl FnOnce() -> c_int) -> c_int {
    // SAFETY: as the caller says.
    let (mode, links, size, device, inode) = unsafe { (*st).told() };
    if !looks::may_be_folder(mode, links, size, device) {
        return 0;
    }
    let mut is_look = false;
    after(|_| {
        is_look = looks::is_folder((device, inode)) && looks::is_single();
        if is_look {
            looks::begin(Open::CALL);
        }
    });
    if !is_look {
        return 0;
    }
    let result = call();
    after(|live| looks::end(live, Open::CALL));
    result
}

macro_rules! stat {
    ($($name:ident $real:ident($($arg:ident: $type:ty),*);)*) => {$(
        /// See stat(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*, st: *mut libc::stat) -> c_int {
            // SAFETY: the program's own call, and what it gives.
            unsafe {
                let call = || $real.get()($($arg),*, st);
                match call() {
                    0 if crew::has_been() => again(st, call),
                    result => result,
                }
            }
        }
    )*};
}
stat! {
    stat STAT(path: *const c_char);
    stat64 STAT64(path: *const c_char);
    lstat LSTAT(path: *const c_char);
    lstat64 LSTAT64(path: *const c_char);
    __xstat XSTAT(version: c_int, path: *const c_char);
    __xstat64 XSTAT64(version: c_int, path: *const c_char);
    __lxstat LXSTAT(version: c_int, path: *const c_char);
    __lxstat64 LXSTAT64(version: c_int, path: *const c_char);
}

macro_rules! stat_at {
    ($($name:ident $real:ident($($arg:ident: $type:ty),*) $st:ident: $of:ty;)*) => {$(
        /// See stat(2), statx(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*) -> c_int {
            // SAFETY: the program's own call, and what it gives.
            unsafe {
                let call = || $real.get()($($arg),*);
                match call() {
                    0 if crew::has_been() => again::<$of>($st, call),
                    result => result,
                }
            }
        }
    )*};
}
stat_at! {
    fstatat FSTATAT(folder: c_int, path: *const c_char, st: *mut libc::stat, flags: c_int) st: libc::stat;
    fstatat64 FSTATAT64(folder: c_int, path: *const c_char, st: *mut libc::stat, flags: c_int) st: libc::stat;
    __fxstatat FXSTATAT(version: c_int, folder: c_int, path: *const c_char, st: *mut libc::stat, flags: c_int)
        st: libc::stat;
    __fxstatat64 FXSTATAT64(version: c_int, folder: c_int, path: *const c_char, st: *mut libc::stat, flags: c_int)
        st: libc::stat;
    statx STATX(folder: c_int, path: *const c_char, flags: c_int, mask: c_uint, st: *mut libc::statx) st: libc::statx;
}

/// After the program has opened something: perhaps for a look.
pub fn opened(fd: c_int, open: Open) {
    if fd >= 0 && crew::has_been() {
        after(|_| looks::opened(fd, open));
    }
}

/// What the program is about to close: when it has, ours come back.
pub struct Closing([Option<Open>; 2]);

/// See [`Closing`].
pub fn closing<const N: usize>(open: [Open; N]) -> Option<Closing> {
    if !crew::has_been() {
        return None;
    }
    let mut of_them = open.into_iter().filter(|open| looks::is_open(*open));
    let first = of_them.next()?;
    Some(Closing([Some(first), of_them.next()]))
}

/// The same for a stream or a folder, of which this tells the descriptor.
///
/// # Safety
/// The program's own stream, or null.
pub unsafe fn closing_stream(
    stream: *mut c_void,
    descriptor: unsafe extern "C" fn(*mut c_void) -> c_int,
) -> Option<Closing> {
    if !crew::has_been() || stream.is_null() {
        return None;
    }
    let _errno = KeepErrno::new();
    // SAFETY: as the caller says.
    let fd = unsafe { descriptor(stream) };
    closing([Open::stream(stream as usize), Open::descriptor(fd)])
}

/// The program has made a duplicate of something, and is likely to close the first (a shell's `<`).
pub fn duplicated(old: Open, new: Open) {
    if crew::has_been() {
        looks::goes_on_at(old, new);
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        after(|live| self.0.into_iter().flatten().for_each(|open| looks::end(live, open)));
    }
}

/// opendir(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opendir(path: *const c_char) -> *mut c_void {
    state::resolve_early();
    // SAFETY: the program's own call.
    let folder = unsafe { OPENDIR.get()(path) };
    if !folder.is_null() && crew::has_been() {
        let _errno = KeepErrno::new();
        // SAFETY: what the real one has just opened.
        opened(unsafe { DIRFD.get()(folder) }, Open::stream(folder as usize));
    }
    folder
}

/// closedir(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn closedir(folder: *mut c_void) -> c_int {
    state::resolve_early();
    // SAFETY: the program's own call.
    unsafe {
        let _comes_back = closing_stream(folder, DIRFD.get());
        CLOSEDIR.get()(folder)
    }
}
