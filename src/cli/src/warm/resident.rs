//! What of a file is in the page cache: cachestat(2) where it is there, else mincore(2).
//!
//! What must hold here: what the kernel would not tell truly is `None`. mincore says that all pages of a file are
//! resident to whoever neither owns nor may write it (Linux 5.2); cachestat refuses there (6.14), or tells (6.5).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::ptr;
use std::sync::OnceLock;

use procfs::process::Process;

/// The call's number on every architecture that Rust's std and this command run on; `libc` does not have it yet.
const SYS_CACHESTAT: libc::c_long = 451;
/// Files that no mapping of an id reaches show this owner.
const OVERFLOW_UID: u32 = 65534;
const CAP_FOWNER: u64 = 1 << 3;

/// Bytes of a page.
pub fn page() -> u64 {
    static PAGE: OnceLock<u64> = OnceLock::new();
    // SAFETY: asks for a constant.
    *PAGE.get_or_init(|| u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096))
}

/// How many pages a range of bytes touches, if it starts at a page.
pub fn pages(range: &Range<u64>) -> u64 {
    (range.end.saturating_sub(range.start)).div_ceil(page())
}

/// cachestat's answer, in pages.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Cached {
    /// in the cache, also if still being read
    pub cached: u64,
    /// changed, and not on disk
    pub dirty: u64,
    /// on their way to disk
    pub writeback: u64,
    _evicted: u64,
    _recently_evicted: u64,
}

/// What cachestat says, if it may.
pub fn cachestat(file: &File, range: &Range<u64>) -> Option<Cached> {
    let asked = [range.start, range.end.saturating_sub(range.start)];
    let mut cached = Cached::default();
    // A length of 0 would mean all that follows.
    if asked[1] == 0 {
        return Some(cached);
    }
    // SAFETY: offset and length are read, five numbers are written, the flags are none.
    let status = unsafe { libc::syscall(SYS_CACHESTAT, file.as_raw_fd(), asked.as_ptr(), &mut cached, 0) };
    (status == 0).then_some(cached)
}

/// How many pages of the range are resident; the range starts at a page.
pub fn resident(file: &File, range: &Range<u64>) -> Option<u64> {
    match cachestat(file, range) {
        Some(cached) => Some(cached.cached),
        None => Some(pages(range) - missing(file, range)?.iter().map(pages).sum::<u64>()),
    }
}

/// Which parts of the range are not there, or not yet whole, by mincore; the range starts at a page.
pub fn missing(file: &File, range: &Range<u64>) -> Option<Vec<Range<u64>>> {
    if !mincore_tells(file) {
        return None;
    }
    let residency = mincore(file, range).ok()?;
    let mut missing: Vec<Range<u64>> = Vec::new();
    for (at, _) in (range.start..).step_by(page() as usize).zip(&residency).filter(|(_, page)| **page & 1 == 0) {
        let end = (at + page()).min(range.end);
        match missing.last_mut() {
            Some(last) if last.end == at => last.end = end,
            _ => missing.push(at..end),
        }
    }
    Some(missing)
}

/// A byte for each page; its lowest bit says resident.
fn mincore(file: &File, range: &Range<u64>) -> io::Result<Vec<u8>> {
    let invalid = |_| io::Error::from_raw_os_error(libc::EINVAL);
    let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(invalid)?;
    let mut residency = vec![0; pages(range) as usize];
    // SAFETY: a new mapping, that is never read from; mincore writes a byte for each page of it.
    unsafe {
        let offset = range.start.try_into().map_err(invalid)?;
        let at = libc::mmap(ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), offset);
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let status = libc::mincore(at, length, residency.as_mut_ptr());
        let error = io::Error::last_os_error();
        libc::munmap(at, length);
        if status == 0 { Ok(residency) } else { Err(error) }
    }
}

/// Whether the kernel tells this process the truth about a file's pages: the owner, who acts for owners, who may
/// write (can_do_mincore).
fn mincore_tells(file: &File) -> bool {
    static FOR_OWNERS: OnceLock<bool> = OnceLock::new();
    let for_owners = || Process::myself().and_then(|p| p.status()).is_ok_and(|status| status.capeff & CAP_FOWNER != 0);
    let Ok(owner) = file.metadata().map(|metadata| metadata.uid()) else { return false };
    // SAFETY: takes nothing and cannot fail.
    let own = owner == unsafe { libc::geteuid() } || *FOR_OWNERS.get_or_init(for_owners);
    (own && owner != OVERFLOW_UID) || may_write(file)
}

fn may_write(file: &File) -> bool {
    let path = format!("/proc/self/fd/{}\0", file.as_raw_fd());
    // SAFETY: the path ends with a zero byte.
    unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr().cast(), libc::W_OK, libc::AT_EACCESS) == 0 }
}
