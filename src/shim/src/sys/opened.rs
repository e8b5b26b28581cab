//! The system calls for descriptors that the program has opened, and for looking at them from a thread with a table of its
//! own.
//!
//! What must hold here: nothing here reads or moves what the program would miss.

use core::ffi::{c_char, c_int};

use super::{Errno, call};

/// openat(2) of the program's own, as it is.
///
/// # Safety
/// As openat(2).
pub unsafe fn openat(folder: c_int, path: *const c_char, flags: c_int, mode: u32) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_openat, [folder as usize, path as usize, flags as usize, mode as usize]) }
}

/// close(2) of the program's own, with what came of it.
pub fn close_as_program(fd: c_int) -> Result<usize, Errno> {
    // SAFETY: the program's own descriptor.
    unsafe { call(libc::SYS_close, [fd as usize]) }
}

/// dup2(2) of the program's own, with what came of it.
pub fn dup2_as_program(old: c_int, new: c_int) -> Result<usize, Errno> {
    // SAFETY: the program's own descriptors.
    unsafe { call(libc::SYS_dup2, [old as usize, new as usize]) }
}

/// dup3(2) of the program's own, with what came of it.
pub fn dup3_as_program(old: c_int, new: c_int, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the program's own descriptors.
    unsafe { call(libc::SYS_dup3, [old as usize, new as usize, flags as usize]) }
}

/// close_range(2) of the program's own, Linux 5.9, with what came of it.
pub fn close_range_as_program(first: u32, last: u32, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the program's own descriptors.
    unsafe { call(libc::SYS_close_range, [first as usize, last as usize, flags as usize]) }
}

/// The flags that a descriptor was opened with: fcntl(2), F_GETFL.
pub fn open_flags(fd: c_int) -> Result<c_int, Errno> {
    // SAFETY: asks only.
    unsafe { call(libc::SYS_fcntl, [fd as usize, libc::F_GETFL as usize]) }.map(|flags| flags as c_int)
}

/// Where the next read(2) of a descriptor goes on. Waits while another thread is in one.
pub fn position(fd: c_int) -> Result<u64, Errno> {
    // SAFETY: moves nothing.
    unsafe { call(libc::SYS_lseek, [fd as usize, 0, libc::SEEK_CUR as usize]) }.map(|at| at as u64)
}

/// Whether two descriptors are duplicates of one another: kcmp(2), KCMP_FILE. Where the kernel doesn't say, they are not.
pub fn are_duplicates(one: c_int, other: c_int) -> bool {
    const KCMP_FILE: usize = 0;
    let process = super::getpid() as usize;
    // SAFETY: asks only.
    let order = unsafe { call(libc::SYS_kcmp, [process, process, KCMP_FILE, one as usize, other as usize]) };
    order == Ok(0)
}

/// pidfd_open(2), Linux 5.3.
pub fn process_handle(pid: u32) -> Result<c_int, Errno> {
    // SAFETY: a new descriptor, nothing else.
    unsafe { call(libc::SYS_pidfd_open, [pid as usize, 0]) }.map(|fd| fd as c_int)
}

/// pidfd_getfd(2), Linux 5.6: a descriptor of what `fd` stands for in another table.
pub fn borrow(process: c_int, fd: c_int) -> Result<c_int, Errno> {
    // SAFETY: a new descriptor, nothing else.
    unsafe { call(libc::SYS_pidfd_getfd, [process as usize, fd as usize, 0]) }.map(|fd| fd as c_int)
}
