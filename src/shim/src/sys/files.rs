//! The system calls for files: of ours, and to look at the program's.
//!
//! What must hold here: what is opened is closed on exec; nothing is read past its end.

use core::ffi::{CStr, c_char, c_int, c_uint};
use core::fmt::Write;

use super::{Errno, call, rlimit};
use crate::text::Text;

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
    /// bytes that are allocated for it
    pub held: u64,
    /// when the content last changed (ns since 1970)
    pub mtime: i64,
}

impl Stat {
    /// Whether no disk has it: it is in memory, or the kernel's own, or on what has no device of its own (btrfs, NFS, overlayfs).
    pub fn has_no_disk(&self) -> bool {
        is_no_disk(self.id.0)
    }
}

/// Whether a device number is none of a disk.
pub fn is_no_disk(device: u64) -> bool {
    device >> 8 & 0xfff == 0
}

fn stat_of(result: impl FnOnce(usize) -> Result<usize, Errno>) -> Result<Stat, Errno> {
    // SAFETY: all zeroes is a valid stat.
    let mut st: libc::stat = unsafe { core::mem::zeroed() };
    result((&raw mut st) as usize)?;
    let mtime = st.st_mtime.saturating_mul(1_000_000_000).saturating_add(st.st_mtime_nsec);
    let (id, size, held) = ((st.st_dev, st.st_ino), st.st_size as u64, st.st_blocks as u64 * 512);
    Ok(Stat { id, mode: st.st_mode, uid: st.st_uid, gid: st.st_gid, size, held, mtime })
}

/// fstat(2) with what the kernel knows, without asking a server (statx(2), AT_STATX_DONT_SYNC; Linux 4.11). The times and what
/// is held are not told.
pub fn fstat_as_known(fd: c_int) -> Result<Stat, Errno> {
    const FLAGS: c_int = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    const MASK: c_uint = libc::STATX_TYPE | libc::STATX_MODE | libc::STATX_INO | libc::STATX_SIZE;
    // SAFETY: all zeroes is a valid statx, and the kernel writes one.
    unsafe {
        let mut st: libc::statx = core::mem::zeroed();
        if statx(fd, c"".as_ptr(), FLAGS, MASK, &raw mut st).is_err() {
            return fstat(fd);
        }
        let id = (libc::makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_ino);
        let (mode, uid, gid) = (st.stx_mode.into(), st.stx_uid, st.stx_gid);
        Ok(Stat { id, mode, uid, gid, size: st.stx_size, held: 0, mtime: 0 })
    }
}

/// fstat(2).
pub fn fstat(fd: c_int) -> Result<Stat, Errno> {
    // SAFETY: the kernel writes one struct stat.
    stat_of(|st| unsafe { call(libc::SYS_fstat, [fd as usize, st]) })
}

/// newfstatat(2), of the program's own struct.
///
/// # Safety
/// As for the program's own call.
pub unsafe fn fstatat(folder: c_int, path: *const c_char, st: *mut libc::stat, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_newfstatat, [folder as usize, path as usize, st as usize, flags as usize]) }
}

/// statx(2), the same.
///
/// # Safety
/// As for the program's own call.
pub unsafe fn statx(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mask: c_uint,
    st: *mut libc::statx,
) -> Result<usize, Errno> {
    let args = [folder as usize, path as usize, flags as usize, mask as usize, st as usize];
    // SAFETY: as the caller says.
    unsafe { call(libc::SYS_statx, args) }
}

/// The kind of file system that a file is on: fstatfs(2), `f_type`.
fn file_system(fd: c_int) -> Option<i64> {
    // SAFETY: all zeroes is a valid statfs, and the kernel writes one.
    unsafe {
        let mut about: libc::statfs = core::mem::zeroed();
        call(libc::SYS_fstatfs, [fd as usize, (&raw mut about) as usize]).ok().map(|_| about.f_type)
    }
}

/// Whether a file is memory (tmpfs, memfd): what is missing of it is a hole, and even a read of it by a mapping takes memory.
pub fn is_of_memory(fd: c_int) -> bool {
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    file_system(fd) == Some(TMPFS_MAGIC)
}

/// Whether a file is of the hugetlb pool, as a memfd can be.
pub fn is_of_the_pool(fd: c_int) -> bool {
    const HUGETLBFS_MAGIC: i64 = 0x9584_58f6;
    file_system(fd) == Some(HUGETLBFS_MAGIC)
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

/// Bytes of a path, its NUL among them, at most: too many for a stack that a hook doesn't know.
pub const PATH_MAX: usize = 4096;

/// The path that a descriptor was opened by, as /proc/self/fd has it. ENOENT where there is no /proc.
pub fn path_of(fd: c_int, into: &mut [u8; PATH_MAX]) -> Result<&[u8], Errno> {
    let mut link = Text::<32>::new();
    let _ = write!(link, "/proc/self/fd/{fd}"); // it fits
    readlink(link.as_c(), into)
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

/// posix_fadvise(2).
pub fn fadvise(fd: c_int, off: u64, len: u64, advice: c_int) -> Result<usize, Errno> {
    // SAFETY: advice only.
    unsafe { call(libc::SYS_fadvise64, [fd as usize, off as usize, len as usize, advice as usize]) }
}

/// ftruncate(2).
pub fn ftruncate(fd: c_int, len: usize) -> Result<usize, Errno> {
    // SAFETY: a file of ours.
    unsafe { call(libc::SYS_ftruncate, [fd as usize, len]) }
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

/// Bytes that this process may make a file: writing beyond them raises SIGXFSZ.
pub fn file_limit() -> u64 {
    rlimit(libc::RLIMIT_FSIZE)
}

/// Whether the kernel can read a path at an address, with its end.
pub fn is_string(path: *const c_char) -> bool {
    // SAFETY: the kernel copies the string, or says EFAULT; existence only.
    let answer = unsafe { call(libc::SYS_faccessat, [libc::AT_FDCWD as usize, path as usize, 0]) };
    !matches!(answer, Err(libc::EFAULT | libc::ENAMETOOLONG))
}
