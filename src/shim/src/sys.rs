//! The one file that speaks to the kernel: raw system calls, typed.
//!
//! What must hold here: nothing here touches errno but what is said to, nothing is a cancellation point, nothing
//! allocates. Results are `Ok(value)` or `Err(errno)`. Raw calls rather than the C library's, because hooks run
//! before it is set up, in signal handlers and in vfork children, and because its own functions may be hooked.

use core::ffi::{CStr, c_char, c_int, c_long, c_void};

mod maps;
mod opened;
mod pagemap;
mod segments;
mod threads;

use crate::arch::syscall6;
pub use crate::arch::{HUGE, PAGE, fail};
pub use maps::*;
pub use opened::*;
pub use pagemap::*;
pub use segments::*;
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

/// mlock2(2); flags 0 is mlock(2), which older kernels (before 4.4) have too.
pub fn mlock(addr: usize, len: usize, onfault: bool) -> Result<usize, Errno> {
    const MLOCK_ONFAULT: usize = 1;
    // SAFETY: locking changes no content.
    unsafe {
        if onfault { call(libc::SYS_mlock2, [addr, len, MLOCK_ONFAULT]) } else { call(libc::SYS_mlock, [addr, len]) }
    }
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

/// openat(2) relative to the working folder; O_CLOEXEC is added.
pub fn open(path: &CStr, flags: c_int, mode: u32) -> Result<c_int, Errno> {
    let flags = (flags | libc::O_CLOEXEC) as usize;
    // SAFETY: `path` is a C string.
    unsafe { call(libc::SYS_openat, [libc::AT_FDCWD as usize, path.as_ptr() as usize, flags, mode as usize]) }
        .map(|fd| fd as c_int)
}

/// close(2).
pub fn close(fd: c_int) {
    // SAFETY: callers close what they opened.
    let _ = unsafe { call(libc::SYS_close, [fd as usize]) };
}

/// read(2).
pub fn read(fd: c_int, into: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes into `into` only.
    unsafe { call(libc::SYS_read, [fd as usize, into.as_mut_ptr() as usize, into.len()]) }
}

/// pread(2).
pub fn pread(fd: c_int, into: &mut [u8], at: u64) -> Result<usize, Errno> {
    // SAFETY: the kernel writes into `into` only.
    unsafe { call(libc::SYS_pread64, [fd as usize, into.as_mut_ptr() as usize, into.len(), at as usize]) }
}

/// write(2).
pub fn write(fd: c_int, from: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel reads from `from` only.
    unsafe { call(libc::SYS_write, [fd as usize, from.as_ptr() as usize, from.len()]) }
}

/// Reads a whole small file: as much as `into` holds. The descriptor does not outlive the call.
pub fn read_file<'a>(path: &CStr, into: &'a mut [u8]) -> Result<&'a [u8], Errno> {
    let fd = open(path, libc::O_RDONLY, 0)?;
    let result = read_all(fd, into);
    close(fd);
    result
}

/// Reads an opened file to its end, or as much as `into` holds.
pub fn read_all(fd: c_int, into: &mut [u8]) -> Result<&[u8], Errno> {
    let mut filled = 0;
    loop {
        match read(fd, into.get_mut(filled..).unwrap_or(&mut [])) {
            Ok(0) => return Ok(into.get(..filled).unwrap_or(&[])),
            Ok(n) => filled += n,
            Err(libc::EINTR) => {}
            Err(e) => return Err(e),
        }
    }
}

/// The fields of stat(2) that we need.
#[derive(Clone, Copy)]
pub struct Stat {
    /// device, inode
    pub id: (u64, u64),
    /// type and permissions
    pub mode: u32,
    /// owner
    pub uid: u32,
    /// group
    pub gid: u32,
    /// bytes
    pub size: u64,
    /// when the content last changed (ns since 1970)
    pub mtime: i64,
}

fn stat_of(result: impl FnOnce(usize) -> Result<usize, Errno>) -> Result<Stat, Errno> {
    // SAFETY: all zeroes is a valid stat.
    let mut st: libc::stat = unsafe { core::mem::zeroed() };
    result((&raw mut st) as usize)?;
    let mtime = st.st_mtime.saturating_mul(1_000_000_000).saturating_add(st.st_mtime_nsec);
    let (id, size) = ((st.st_dev, st.st_ino), st.st_size as u64);
    Ok(Stat { id, mode: st.st_mode, uid: st.st_uid, gid: st.st_gid, size, mtime })
}

/// fstat(2).
pub fn fstat(fd: c_int) -> Result<Stat, Errno> {
    // SAFETY: the kernel writes one struct stat.
    stat_of(|st| unsafe { call(libc::SYS_fstat, [fd as usize, st]) })
}

/// lstat(2), or stat(2) with `follow`.
pub fn stat(path: &CStr, follow: bool) -> Result<Stat, Errno> {
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW } as usize;
    // SAFETY: the kernel writes one struct stat, `path` is a C string.
    stat_of(|st| unsafe { call(libc::SYS_newfstatat, [libc::AT_FDCWD as usize, path.as_ptr() as usize, st, flags]) })
}

/// readlink(2): the bytes that fit.
pub fn readlink<'a>(path: &CStr, into: &'a mut [u8]) -> Result<&'a [u8], Errno> {
    // SAFETY: the kernel writes into `into` only.
    let n = unsafe {
        call(
            libc::SYS_readlinkat,
            [libc::AT_FDCWD as usize, path.as_ptr() as usize, into.as_mut_ptr() as usize, into.len()],
        )
    }?;
    Ok(into.get(..n).unwrap_or(&[]))
}

/// mkdir(2).
pub fn mkdir(path: &CStr, mode: u32) -> Result<usize, Errno> {
    // SAFETY: `path` is a C string.
    unsafe { call(libc::SYS_mkdirat, [libc::AT_FDCWD as usize, path.as_ptr() as usize, mode as usize]) }
}

/// unlink(2).
pub fn unlink(path: &CStr) {
    // SAFETY: `path` is a C string.
    let _ = unsafe { call(libc::SYS_unlinkat, [libc::AT_FDCWD as usize, path.as_ptr() as usize, 0]) };
}

/// rename(2).
pub fn rename(from: &CStr, to: &CStr) -> Result<usize, Errno> {
    let here = libc::AT_FDCWD as usize;
    // SAFETY: both are C strings.
    unsafe { call(libc::SYS_renameat, [here, from.as_ptr() as usize, here, to.as_ptr() as usize]) }
}

/// getdents64(2).
pub fn getdents(fd: c_int, into: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes into `into` only.
    unsafe { call(libc::SYS_getdents64, [fd as usize, into.as_mut_ptr() as usize, into.len()]) }
}

/// memfd_create(2), Linux 3.17.
pub fn memfd(name: &CStr) -> Result<c_int, Errno> {
    const MFD_CLOEXEC: usize = 1;
    // SAFETY: `name` is a C string.
    unsafe { call(libc::SYS_memfd_create, [name.as_ptr() as usize, MFD_CLOEXEC]) }.map(|fd| fd as c_int)
}

/// Duplicates a descriptor to the lowest free one from 64 up, close-on-exec, so that a program which counts on getting
/// small ones is not surprised.
pub fn duplicate(fd: c_int) -> Result<c_int, Errno> {
    // SAFETY: a new descriptor, nothing else.
    unsafe { call(libc::SYS_fcntl, [fd as usize, libc::F_DUPFD_CLOEXEC as usize, 64]) }.map(|fd| fd as c_int)
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

/// clock_gettime(2) in ns; the vDSO serves it without a system call where there is one.
pub fn now(clock: c_int) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the C library (or the kernel) writes one timespec.
    unsafe { libc::clock_gettime(clock, &mut time) };
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

/// posix_fadvise(2).
pub fn fadvise(fd: c_int, off: u64, len: u64, advice: c_int) -> Result<usize, Errno> {
    // SAFETY: advice only.
    unsafe { call(libc::SYS_fadvise64, [fd as usize, off as usize, len as usize, advice as usize]) }
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

/// Blocks all signals for the calling thread; the mask of before. An error, which only a filter can bring about, leaves them
/// as they are.
pub fn block_signals() -> Result<u64, Errno> {
    let (all, mut before) = (u64::MAX, 0u64);
    // SAFETY: the kernel reads one word and writes one.
    unsafe {
        call(
            libc::SYS_rt_sigprocmask,
            [libc::SIG_SETMASK as usize, &raw const all as usize, &raw mut before as usize, 8],
        )
    }?;
    Ok(before)
}

/// Puts a signal mask back.
pub fn restore_signals(mask: u64) {
    // SAFETY: the kernel reads one word.
    let _ = unsafe { call(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as usize, &raw const mask as usize, 0, 8]) };
}

/// ftruncate(2).
pub fn ftruncate(fd: c_int, len: usize) -> Result<usize, Errno> {
    // SAFETY: a file of ours.
    unsafe { call(libc::SYS_ftruncate, [fd as usize, len]) }
}

/// Effective user id.
pub fn geteuid() -> u32 {
    // SAFETY: no arguments.
    unsafe { call(libc::SYS_geteuid, []) }.unwrap_or(0) as u32
}

/// Whether a file has an extended attribute.
pub fn has_xattr(fd: c_int, name: &CStr) -> bool {
    // SAFETY: size 0 asks for the length only.
    unsafe { call(libc::SYS_fgetxattr, [fd as usize, name.as_ptr() as usize, 0, 0]) }.is_ok_and(|len| len > 0)
}

/// access(2) for execution.
pub fn is_executable(path: &CStr) -> bool {
    // SAFETY: `path` is a C string.
    unsafe { call(libc::SYS_faccessat, [libc::AT_FDCWD as usize, path.as_ptr() as usize, libc::X_OK as usize]) }.is_ok()
}

/// Whether at least 8 bytes at an address can be read: the kernel copies a signal set before it finds that `how` is none.
pub fn is_readable(address: usize) -> bool {
    const NO_SUCH_HOW: usize = 99;
    // SAFETY: changes nothing: `how` is invalid.
    let answer = unsafe { call(libc::SYS_rt_sigprocmask, [NO_SUCH_HOW, address, 0, 8]) };
    answer == Err(libc::EINVAL)
}

/// Bytes that this process may make a file: writing beyond them raises SIGXFSZ.
pub fn file_limit() -> u64 {
    rlimit(libc::RLIMIT_FSIZE)
}

/// Whether the kernel can read a path at an address.
pub fn is_string(path: *const c_char) -> bool {
    // SAFETY: the kernel copies the string, or says EFAULT; existence only.
    let answer = unsafe { call(libc::SYS_faccessat, [libc::AT_FDCWD as usize, path as usize, 0]) };
    answer != Err(libc::EFAULT)
}

/// Writes to a descriptor that may be a pipe of somebody's: never waits, and never leaves a SIGPIPE. Whole, or an errno.
pub fn write_quietly(fd: c_int, from: &[u8]) -> Result<(), Errno> {
    /// What a pipe that says POLLOUT takes without waiting.
    const PIPE_BUF: usize = 4096;
    const SIGPIPE_SET: u64 = 1 << (libc::SIGPIPE - 1);
    let mask = block_signals()?;
    let was_pending = pending_signals() & SIGPIPE_SET != 0;
    let mut result = Ok(());
    for piece in from.chunks(PIPE_BUF) {
        result = match is_writable(fd) {
            false => Err(libc::EAGAIN),
            true => match write(fd, piece) {
                Ok(n) if n == piece.len() => Ok(()),
                Ok(_) => Err(libc::EAGAIN),
                Err(errno) => Err(errno),
            },
        };
        if result.is_err() {
            break;
        }
    }
    if result == Err(libc::EPIPE) && !was_pending {
        let (set, none) = (SIGPIPE_SET, [0u64; 2]);
        // SAFETY: takes the signal that our write has raised, without waiting.
        let _ = unsafe { call(libc::SYS_rt_sigtimedwait, [&raw const set as usize, 0, &raw const none as usize, 8]) };
        if pending_signals() & SIGPIPE_SET != 0 {
            discard(libc::SIGPIPE); // that was not to be had, and the program must not die of what we wrote
        }
    }
    restore_signals(mask);
    result
}

/// Takes a pending signal away as sigaction(2) does it: by being ignored for a moment.
fn discard(signal: c_int) {
    /// The kernel's struct sigaction: handler, flags, restorer, mask.
    type Action = [usize; 4];
    let (ignored, mut before): (Action, Action) = ([libc::SIG_IGN, 0, 0, 0], [0; 4]);
    let set = |to: usize, from: usize| {
        // SAFETY: the kernel reads one struct and writes one; what was there comes back.
        unsafe { call(libc::SYS_rt_sigaction, [signal as usize, to, from, 8]) }
    };
    if set(&raw const ignored as usize, &raw mut before as usize).is_ok() {
        let _ = set(&raw const before as usize, 0);
    }
}

fn pending_signals() -> u64 {
    let mut pending = 0u64;
    // SAFETY: the kernel writes one word.
    let _ = unsafe { call(libc::SYS_rt_sigpending, [&raw mut pending as usize, 8]) };
    pending
}

/// poll(2) without waiting.
fn is_writable(fd: c_int) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    let none = [0u64; 2];
    // SAFETY: one pollfd, which the kernel writes.
    let ready = unsafe { call(libc::SYS_ppoll, [&raw mut poll as usize, 1, &raw const none as usize, 0, 8]) };
    ready == Ok(1) && poll.revents & libc::POLLOUT != 0 && poll.revents & (libc::POLLERR | libc::POLLNVAL) == 0
}
