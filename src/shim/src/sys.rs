//! The one file that speaks to the kernel: raw system calls, typed.
//!
//! What must hold here: nothing here touches errno but what is said to, nothing is a cancellation point, nothing
//! allocates. Results are `Ok(value)` or `Err(errno)`. Raw calls rather than the C library's, because hooks run
//! before it is set up, in signal handlers and in vfork children, and because its own functions may be hooked.

use core::ffi::{c_char, c_int, c_long, c_void};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

mod files;
mod maps;
mod opened;
mod pagemap;
mod segments;
mod signals;
mod threads;

use crate::arch::syscall6;
pub use crate::arch::{HIGHEST, HUGE, PAGE, fail};
use crate::symbols;
pub use files::*;
pub use maps::*;
pub use opened::*;
pub use pagemap::*;
pub use segments::*;
pub use signals::*;
pub use threads::*;

/// An errno, as in errno(3).
pub type Errno = c_int;

/// A system call.
///
/// # Safety
/// The call must be sound for these arguments.
#[inline]
unsafe fn call<const N: usize>(nr: c_long, args: [usize; N]) -> Result<usize, Errno> {
    let mut a = [0; 6];
    for (to, from) in a.iter_mut().zip(args) {
        *to = from;
    }
    // SAFETY: as the caller says.
    let result = unsafe { syscall6(nr, a) };
    if (-4095..0).contains(&result) { Err(-result as Errno) } else { Ok(result as usize) }
}

/// The calling thread's errno.
pub fn errno() -> c_int {
    // SAFETY: the C library's location is valid for the calling thread.
    unsafe { *libc::__errno_location() }
}

/// Sets the calling thread's errno.
pub fn set_errno(errno: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno }
}

/// Saves errno now and puts it back when dropped: what follows a successful call of the program must not be seen.
pub struct KeepErrno(c_int);

impl KeepErrno {
    /// Saves errno.
    pub fn new() -> KeepErrno {
        KeepErrno(errno())
    }
}

impl KeepErrno {
    /// The errno of now stays.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for KeepErrno {
    fn drop(&mut self) {
        set_errno(self.0);
    }
}

/// mmap(2).
///
/// # Safety
/// As mmap(2): with MAP_FIXED, what lies there must be the caller's to replace.
pub unsafe fn mmap(addr: usize, len: usize, prot: c_int, flags: c_int, fd: c_int, off: i64) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_mmap, [addr, len, prot as usize, flags as usize, fd as usize, off as usize]) }
}

/// munmap(2).
///
/// # Safety
/// The range must be the caller's to give up.
pub unsafe fn munmap(addr: usize, len: usize) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_munmap, [addr, len]) }
}

/// mremap(2).
///
/// # Safety
/// As mremap(2): the old range must be the caller's, and with MREMAP_FIXED the new one too.
pub unsafe fn mremap(old: usize, old_len: usize, new_len: usize, flags: c_int, new: usize) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_mremap, [old, old_len, new_len, flags as usize, new]) }
}

/// The program's break: brk(2) with an address that it can't be set to.
pub fn brk() -> usize {
    // SAFETY: changes nothing.
    unsafe { call(libc::SYS_brk, [0; 3]) }.unwrap_or(0)
}

/// mprotect(2).
///
/// # Safety
/// The range must be the caller's.
pub unsafe fn mprotect(addr: usize, len: usize, prot: c_int) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_mprotect, [addr, len, prot as usize]) }
}

/// madvise(2).
///
/// # Safety
/// `advice` must not destroy data that somebody needs.
pub unsafe fn madvise(addr: usize, len: usize, advice: c_int) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_madvise, [addr, len, advice as usize]) }
}

/// Whether the kernel takes this advice: for no bytes at all it does nothing, and says so all the same.
pub fn takes_advice(addr: usize, advice: c_int) -> bool {
    // SAFETY: does nothing.
    unsafe { madvise(addr, 0, advice) }.is_ok()
}

/// mincore(2) of as many pages as `there` has places for: the lowest bit of each says whether it is in memory.
pub fn mincore(addr: usize, there: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes a byte for each page.
    unsafe { call(libc::SYS_mincore, [addr, there.len() * PAGE, there.as_mut_ptr() as usize]) }
}

/// msync(2).
///
/// # Safety
/// The range must be the caller's.
pub unsafe fn msync(addr: usize, len: usize, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_msync, [addr, len, flags as usize]) }
}

/// mlock2(2); flags 0 is mlock(2), which older kernels (before 4.4) have too. Where it isn't there, it is asked for once:
/// valgrind says on the program's stderr that it doesn't know it, each time.
pub fn mlock(addr: usize, len: usize, onfault: bool) -> Result<usize, Errno> {
    const MLOCK_ONFAULT: usize = 1;
    static IS_MISSING: AtomicBool = AtomicBool::new(false);
    if !onfault {
        // SAFETY: locking changes no content.
        return unsafe { call(libc::SYS_mlock, [addr, len]) };
    }
    if IS_MISSING.load(Relaxed) {
        return Err(libc::ENOSYS);
    }
    // SAFETY: as above.
    let result = unsafe { call(libc::SYS_mlock2, [addr, len, MLOCK_ONFAULT]) };
    if result == Err(libc::ENOSYS) {
        IS_MISSING.store(true, Relaxed);
    }
    result
}

/// munlock(2).
pub fn munlock(addr: usize, len: usize) -> Result<usize, Errno> {
    // SAFETY: unlocking changes no content.
    unsafe { call(libc::SYS_munlock, [addr, len]) }
}

/// mlockall(2).
pub fn mlockall(flags: c_int) -> Result<usize, Errno> {
    // SAFETY: locking changes no content.
    unsafe { call(libc::SYS_mlockall, [flags as usize]) }
}

/// munlockall(2).
pub fn munlockall() -> Result<usize, Errno> {
    // SAFETY: unlocking changes no content.
    unsafe { call(libc::SYS_munlockall, []) }
}

/// getpid(2), never cached.
pub fn getpid() -> u32 {
    // SAFETY: no arguments.
    unsafe { call(libc::SYS_getpid, []) }.unwrap_or(0) as u32
}

/// getppid(2).
pub fn getppid() -> u32 {
    // SAFETY: no arguments.
    unsafe { call(libc::SYS_getppid, []) }.unwrap_or(0) as u32
}

/// Whether a process exists: kill(2) with signal 0 says anything but ESRCH.
pub fn is_alive(pid: u32) -> bool {
    // SAFETY: signal 0 delivers nothing.
    let answer = unsafe { call(libc::SYS_kill, [pid as usize, 0]) };
    answer != Err(libc::ESRCH)
}

/// getrusage(2) of the process or (RUSAGE_THREAD) the calling thread.
pub fn rusage(who: c_int) -> Option<libc::rusage> {
    // SAFETY: all zeroes is a valid rusage, and the kernel writes one.
    unsafe {
        let mut usage: libc::rusage = core::mem::zeroed();
        call(libc::SYS_getrusage, [who as usize, (&raw mut usage) as usize]).ok()?;
        Some(usage)
    }
}

/// Soft limit of a resource; u64::MAX is unlimited, also when it can't be read.
pub fn rlimit(resource: u32) -> u64 {
    let mut limit = [u64::MAX; 2];
    // SAFETY: the kernel writes two words.
    let _ = unsafe { call(libc::SYS_prlimit64, [0, resource as usize, 0, limit.as_mut_ptr() as usize]) };
    limit[0]
}

/// prlimit(2).
///
/// # Safety
/// `before` must be null or have room for a limit.
pub unsafe fn prlimit(process: c_int, resource: c_int, limit: usize, before: usize) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_prlimit64, [process as usize, resource as usize, limit, before]) }
}

/// clock_gettime(2) in ns; the vDSO serves it without a system call where there is one. Not by way of the C library: a program
/// may have a function of that name (libfaketime, test doubles), with a lock of its own.
pub fn now(clock: c_int) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    match symbols::clock() {
        Some(clock_gettime) => {
            // SAFETY: the kernel's own function writes one timespec.
            unsafe { clock_gettime(clock, &mut time) };
        }
        None => {
            // SAFETY: as above.
            let _ = unsafe { call(libc::SYS_clock_gettime, [clock as usize, &raw mut time as usize]) };
        }
    }
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// ioctl(2) with a pointer argument.
///
/// # Safety
/// `request` must take a pointer to a `T`.
pub unsafe fn ioctl<T>(fd: c_int, request: usize, arg: &mut T) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_ioctl, [fd as usize, request, (&raw mut *arg).cast::<c_void>() as usize]) }
}

/// exit_group(2).
pub fn exit_group(status: c_int) -> ! {
    loop {
        // SAFETY: ends the process.
        let _ = unsafe { call(libc::SYS_exit_group, [status as usize]) };
    }
}

/// execve(2).
///
/// # Safety
/// As execve(2).
pub unsafe fn execve(
    path: *const c_char,
    argv: *const *const c_char,
    env: *const *const c_char,
) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_execve, [path as usize, argv as usize, env as usize]) }
}

/// prctl(2).
///
/// # Safety
/// As prctl(2).
pub unsafe fn prctl(option: c_int, a: usize, b: usize, c: usize, d: usize) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_prctl, [option as usize, a, b, c, d]) }
}

/// Effective user id.
pub fn geteuid() -> u32 {
    // SAFETY: no arguments.
    unsafe { call(libc::SYS_geteuid, []) }.unwrap_or(0) as u32
}

/// Whether at least 8 bytes at an address can be read: the kernel copies a signal set before it finds that `how` is none.
pub fn is_readable(address: usize) -> bool {
    const NO_SUCH_HOW: usize = 99;
    // SAFETY: changes nothing: `how` is invalid.
    let answer = unsafe { call(libc::SYS_rt_sigprocmask, [NO_SUCH_HOW, address, 0, 8]) };
    answer == Err(libc::EINVAL)
}
