//! `--hold`: maps files and locks their pages, for as long as this process lives.
//!
//! What must hold here: what is locked is within the budget, and only that stays mapped; nothing of a mapping is ever
//! read by us, so a file that is cut while it is held hurts nobody; no descriptor is kept.

use std::env;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::ptr;

use procfs::process::Process;

/// mlock takes all or nothing, so it is asked for so many bytes at a time.
const CHUNK: u64 = 2 << 20;
const CAP_IPC_LOCK: u64 = 1 << 14;

/// Bytes that this process may lock: its soft limit is raised to the hard one first.
pub fn lockable() -> u64 {
    let status = Process::myself().and_then(|process| process.status()).ok();
    if status.as_ref().is_some_and(|status| status.capeff & CAP_IPC_LOCK != 0) {
        return u64::MAX;
    }
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: getrlimit fills it in or fails; setrlimit reads it.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_MEMLOCK, limit.as_mut_ptr()) != 0 {
            return 0;
        }
        let mut limit = limit.assume_init();
        limit.rlim_cur = limit.rlim_max;
        if libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) != 0 {
            return 0;
        }
        limit.rlim_cur
    }
}

/// Locks a range, at most `budget` bytes of it, and says how many bytes that came to.
pub fn hold(file: &File, range: &Range<u64>, budget: u64) -> (u64, io::Result<()>) {
    let length = (range.end - range.start).min(budget);
    let (Ok(size), Ok(offset)) = (usize::try_from(length), libc::off64_t::try_from(range.start)) else {
        return (0, Err(io::Error::from_raw_os_error(libc::EINVAL)));
    };
    if size == 0 {
        return (0, Ok(()));
    }
    // SAFETY: a new mapping, that is never read from and stays; what could not be locked of it goes again.
    unsafe {
        let at = libc::mmap64(ptr::null_mut(), size, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), offset);
        if at == libc::MAP_FAILED {
            return (0, Err(io::Error::last_os_error()));
        }
        for done in (0..length).step_by(CHUNK as usize) {
            let rest = at.add(done as usize);
            if libc::mlock(rest, CHUNK.min(length - done) as usize) != 0 {
                let error = io::Error::last_os_error();
                libc::munmap(rest, (length - done) as usize);
                return (done, Err(error));
            }
        }
    }
    (length, Ok(()))
}

/// Tells the service manager, if there is one: `READY=1`, as sd_notify(3) has it.
///
/// # Errors
/// There is one, but it cannot be told.
pub fn notify(state: &str) -> io::Result<()> {
    let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return Ok(()) };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}
