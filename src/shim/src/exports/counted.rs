//! The hooks of the calls by which a program finds out how many threads it has: those of stat(2), and opendir(3).
//!
//! What must hold here: the real call comes first, and a path is looked at only once the kernel has read it; where no thread of
//! ours has been, one load more than without us.

use core::ffi::c_char;

use super::watched::alone;
use super::*;
use crate::looks::What;

/// After a stat(2) that has succeeded: again without our threads, if it is the number of threads that the program asks for.
///
/// # Safety
/// The program's own call.
unsafe fn again(folder: c_int, path: *const c_char, call: impl FnOnce() -> c_int) -> c_int {
    // SAFETY: the kernel has just read it.
    if !unsafe { looks::is_look(folder, path, What::Folder) } {
        return 0;
    }
    let mut finds_ours = false;
    after(|_| finds_ours = looks::finds_ours());
    if finds_ours { alone(|| c_long::from(call())) as c_int } else { 0 }
}

macro_rules! stat {
    ($($name:ident $real:ident($($arg:ident: $type:ty),*) $folder:expr, $path:ident;)*) => {$(
        /// See stat(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*) -> c_int {
            // SAFETY: the program's own call.
            unsafe {
                let call = || $real.get()($($arg),*);
                match call() {
                    0 if crew::has_been() => again($folder, $path, call),
                    result => result,
                }
            }
        }
    )*};
}
stat! {
    stat STAT(path: *const c_char, st: *mut c_void) libc::AT_FDCWD, path;
    stat64 STAT64(path: *const c_char, st: *mut c_void) libc::AT_FDCWD, path;
    lstat LSTAT(path: *const c_char, st: *mut c_void) libc::AT_FDCWD, path;
    lstat64 LSTAT64(path: *const c_char, st: *mut c_void) libc::AT_FDCWD, path;
    fstatat FSTATAT(folder: c_int, path: *const c_char, st: *mut c_void, flags: c_int) folder, path;
    fstatat64 FSTATAT64(folder: c_int, path: *const c_char, st: *mut c_void, flags: c_int) folder, path;
    __xstat XSTAT(version: c_int, path: *const c_char, st: *mut c_void) libc::AT_FDCWD, path;
    __xstat64 XSTAT64(version: c_int, path: *const c_char, st: *mut c_void) libc::AT_FDCWD, path;
    __lxstat LXSTAT(version: c_int, path: *const c_char, st: *mut c_void) libc::AT_FDCWD, path;
    __lxstat64 LXSTAT64(version: c_int, path: *const c_char, st: *mut c_void) libc::AT_FDCWD, path;
    __fxstatat FXSTATAT(version: c_int, folder: c_int, path: *const c_char, st: *mut c_void, flags: c_int) folder, path;
    __fxstatat64 FXSTATAT64(version: c_int, folder: c_int, path: *const c_char, st: *mut c_void, flags: c_int)
        folder, path;
    statx STATX(folder: c_int, path: *const c_char, flags: c_int, mask: c_uint, st: *mut c_void) folder, path;
}

/// After the program has opened a path, if it did.
///
/// # Safety
/// The program's own call has succeeded, if `open` is Some.
pub unsafe fn opened(folder: c_int, path: *const c_char, open: Option<usize>) {
    if !crew::has_been() {
        return;
    }
    if let Some(open) = open
        // SAFETY: the kernel has just read it.
        && unsafe { looks::is_look(folder, path, What::FolderOrFile) }
    {
        after(|live| looks::begin(live, open));
    }
}

/// Before the program closes it.
pub fn closes(open: usize) {
    if looks::is_open(open) {
        after(|live| looks::end(live, open));
    }
}

/// opendir(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opendir(path: *const c_char) -> *mut c_void {
    // SAFETY: the program's own call.
    unsafe {
        let folder = OPENDIR.get()(path);
        opened(libc::AT_FDCWD, path, (!folder.is_null()).then_some(folder as usize));
        folder
    }
}

/// closedir(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn closedir(folder: *mut c_void) -> c_int {
    if !folder.is_null() {
        closes(folder as usize);
    }
    // SAFETY: the program's own call.
    unsafe { CLOSEDIR.get()(folder) }
}
