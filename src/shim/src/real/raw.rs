//! What the entries of the table are before the constructor has found the real functions: the system call.
//!
//! What must hold here: C's return value and errno, and nothing of ours: these calls are the program's.

use super::*;

fn status(result: Result<usize, sys::Errno>) -> c_int {
    match result {
        Ok(value) => value as c_int,
        Err(errno) => sys::fail(errno) as c_int,
    }
}

fn address(result: Result<usize, sys::Errno>) -> *mut c_void {
    match result {
        Ok(value) => value as *mut c_void,
        Err(errno) => sys::fail(errno) as *mut c_void,
    }
}

pub unsafe extern "C" fn mmap(a: *mut c_void, len: usize, p: c_int, f: c_int, fd: c_int, off: i64) -> *mut c_void {
    // SAFETY: the program's own call.
    address(unsafe { sys::mmap(a as usize, len, p, f, fd, off) })
}

pub unsafe extern "C" fn munmap(a: *mut c_void, len: usize) -> c_int {
    // SAFETY: the program's own call.
    status(unsafe { sys::munmap(a as usize, len) })
}

pub unsafe extern "C" fn mremap(a: *mut c_void, o: usize, n: usize, f: c_int, to: *mut c_void) -> *mut c_void {
    // SAFETY: the program's own call.
    address(unsafe { sys::mremap(a as usize, o, n, f, to as usize) })
}

pub unsafe extern "C" fn mprotect(a: *mut c_void, len: usize, prot: c_int) -> c_int {
    // SAFETY: the program's own call.
    status(unsafe { sys::mprotect(a as usize, len, prot) })
}

pub unsafe extern "C" fn madvise(a: *mut c_void, len: usize, advice: c_int) -> c_int {
    // SAFETY: the program's own call.
    status(unsafe { sys::madvise(a as usize, len, advice) })
}

pub unsafe extern "C" fn posix_madvise(a: *mut c_void, len: usize, advice: c_int) -> c_int {
    if advice == libc::MADV_DONTNEED {
        return 0; // POSIX's "not needed" must not destroy data; glibc ignores it too
    }
    // SAFETY: the program's own call.
    unsafe { sys::madvise(a as usize, len, advice) }.err().unwrap_or(0)
}

pub unsafe extern "C" fn msync(a: *mut c_void, len: usize, flags: c_int) -> c_int {
    // SAFETY: the program's own call.
    status(unsafe { sys::msync(a as usize, len, flags) })
}

pub extern "C" fn mlock(a: *const c_void, len: usize) -> c_int {
    status(sys::mlock(a as usize, len, false))
}

pub extern "C" fn mlock2(a: *const c_void, len: usize, flags: c_uint) -> c_int {
    match flags {
        0 | 1 => status(sys::mlock(a as usize, len, flags == 1)),
        _ => sys::fail(libc::EINVAL) as c_int,
    }
}

pub extern "C" fn munlock(a: *const c_void, len: usize) -> c_int {
    status(sys::munlock(a as usize, len))
}

pub extern "C" fn mlockall(flags: c_int) -> c_int {
    status(sys::mlockall(flags))
}

pub extern "C" fn munlockall() -> c_int {
    status(sys::munlockall())
}

/// The mode is where a caller with variable arguments puts it, if it does.
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the program's own call.
    unsafe { openat(libc::AT_FDCWD, path, flags, mode) }
}

pub unsafe extern "C" fn openat(folder: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the program's own call.
    status(unsafe { sys::openat(folder, path, flags, mode) })
}

pub unsafe extern "C" fn open_2(path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the program's own call.
    unsafe { openat(libc::AT_FDCWD, path, flags, 0) }
}

pub unsafe extern "C" fn openat_2(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the program's own call.
    unsafe { openat(folder, path, flags, 0) }
}

pub extern "C" fn no_fopen(_path: *const c_char, _mode: *const c_char) -> *mut c_void {
    sys::fail(libc::ENOSYS);
    core::ptr::null_mut()
}

pub extern "C" fn no_stream(_stream: *mut c_void) -> c_int {
    sys::fail(libc::ENOSYS) as c_int
}

/// On this machine the kernel's struct is the C library's, with and without `64`.
pub unsafe extern "C" fn stat(path: *const c_char, st: *mut libc::stat) -> c_int {
    // SAFETY: the program's own call.
    unsafe { fstatat(libc::AT_FDCWD, path, st, 0) }
}

pub unsafe extern "C" fn lstat(path: *const c_char, st: *mut libc::stat) -> c_int {
    // SAFETY: the program's own call.
    unsafe { fstatat(libc::AT_FDCWD, path, st, libc::AT_SYMLINK_NOFOLLOW) }
}

pub unsafe extern "C" fn fstatat(folder: c_int, path: *const c_char, st: *mut libc::stat, flags: c_int) -> c_int {
    // SAFETY: the program's own call.
    status(unsafe { sys::fstatat(folder, path, st, flags) })
}

/// The version is of the struct, of which this machine has one.
pub unsafe extern "C" fn xstat(_version: c_int, path: *const c_char, st: *mut libc::stat) -> c_int {
    // SAFETY: the program's own call.
    unsafe { stat(path, st) }
}

pub unsafe extern "C" fn lxstat(_version: c_int, path: *const c_char, st: *mut libc::stat) -> c_int {
    // SAFETY: the program's own call.
    unsafe { lstat(path, st) }
}

pub unsafe extern "C" fn fxstatat(
    _version: c_int,
    folder: c_int,
    path: *const c_char,
    st: *mut libc::stat,
    flags: c_int,
) -> c_int {
    // SAFETY: the program's own call.
    unsafe { fstatat(folder, path, st, flags) }
}

pub unsafe extern "C" fn statx(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mask: c_uint,
    st: *mut libc::statx,
) -> c_int {
    // SAFETY: the program's own call.
    status(unsafe { sys::statx(folder, path, flags, mask, st) })
}

pub extern "C" fn no_opendir(_path: *const c_char) -> *mut c_void {
    sys::fail(libc::ENOSYS);
    core::ptr::null_mut()
}

pub extern "C" fn close(fd: c_int) -> c_int {
    status(sys::close_as_program(fd))
}

pub extern "C" fn no_freopen(_path: *const c_char, _mode: *const c_char, _stream: *mut c_void) -> *mut c_void {
    sys::fail(libc::ENOSYS);
    core::ptr::null_mut()
}

pub extern "C" fn dup2(old: c_int, new: c_int) -> c_int {
    status(sys::dup2_as_program(old, new))
}

pub extern "C" fn dup3(old: c_int, new: c_int, flags: c_int) -> c_int {
    status(sys::dup3_as_program(old, new, flags))
}

pub extern "C" fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    status(sys::close_range_as_program(first, last, flags))
}

/// A C library before 2.34 has none, and a kernel before 5.9 none to call.
pub extern "C" fn closefrom(first: c_int) {
    const MOST: u64 = 1 << 20;
    let first = first.max(0);
    if sys::close_range_as_program(first as c_uint, c_uint::MAX, 0).is_err() {
        (first as u64..sys::rlimit(libc::RLIMIT_NOFILE).min(MOST)).for_each(|fd| sys::close(fd as c_int));
    }
}

pub extern "C" fn posix_fadvise(fd: c_int, offset: i64, len: i64, advice: c_int) -> c_int {
    sys::fadvise(fd, offset as u64, len as u64, advice).err().unwrap_or(0)
}

pub extern "C" fn exit(status: c_int) -> ! {
    sys::exit_group(status)
}

pub unsafe extern "C" fn execve(path: *const c_char, argv: *const *const c_char, env: *const *const c_char) -> c_int {
    // SAFETY: the program's own call.
    status(unsafe { sys::execve(path, argv, env) })
}

pub fn no_exec<Program>(_: Program, _: *const *const c_char, _: *const *const c_char) -> c_int {
    sys::fail(libc::ENOSYS) as c_int
}

pub fn no_exec_args(_path: *const c_char, _argv: *const *const c_char) -> c_int {
    sys::fail(libc::ENOSYS) as c_int
}

pub fn no_spawn(
    _pid: *mut c_int,
    _path: *const c_char,
    _actions: *const c_void,
    _attributes: *const c_void,
    _argv: *const *const c_char,
    _env: *const *const c_char,
) -> c_int {
    libc::ENOSYS
}

pub unsafe extern "C" fn prctl(option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int {
    // SAFETY: the program's own call.
    status(unsafe { sys::prctl(option, a as usize, b as usize, c as usize, d as usize) })
}

/// musl exports another name for it, whose fourth argument is none.
pub extern "C" fn no_register(
    before: ForkHandler,
    parent: ForkHandler,
    child: ForkHandler,
    _owner: *const c_void,
) -> c_int {
    let mut wanted = [const { Wanted::new(c"pthread_atfork") }];
    symbols::real(&mut wanted);
    let Some(address) = wanted.first().map(|w| w.address).filter(|address| *address != 0) else {
        return libc::ENOSYS;
    };
    type Register = unsafe extern "C" fn(ForkHandler, ForkHandler, ForkHandler) -> c_int;
    // SAFETY: what the C library exports under this name is such a function.
    unsafe { core::mem::transmute::<usize, Register>(address)(before, parent, child) }
}

pub extern "C" fn no_version() -> *const c_char {
    c"".as_ptr()
}

pub extern "C" fn no_start_main() -> c_int {
    sys::exit_group(127)
}

pub unsafe extern "C" fn setrlimit(resource: c_int, limit: *const libc::rlimit) -> c_int {
    // SAFETY: the program's own call.
    unsafe { prlimit(0, resource, limit, core::ptr::null_mut()) }
}

pub unsafe extern "C" fn prlimit(
    process: c_int,
    resource: c_int,
    limit: *const libc::rlimit,
    before: *mut libc::rlimit,
) -> c_int {
    // SAFETY: the program's own call.
    status(unsafe { sys::prlimit(process, resource, limit as usize, before as usize) })
}
