//! `--evict`: drops a file's clean pages from the page cache.
//!
//! What must hold here: nothing is written. FADV_DONTNEED begins to write back whatever is dirty in its range, so it
//! is called on what cachestat says is clean alone: in as few ranges as can be, because a large folio goes only with
//! all of its pages. Where cachestat does not tell (see `faultless warm --help`), the whole range is dropped.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;

use super::resident::{self, cachestat, page};

/// What came of a file, in pages; `None` is unknown.
pub struct Evicted {
    /// were resident
    pub before: Option<u64>,
    /// stayed
    pub stayed: Option<u64>,
    /// of these, dirty or on their way to disk; the others are mapped, locked or in use
    pub dirty: Option<u64>,
}

/// Drops what can be dropped of a range.
///
/// # Errors
/// The kernel will not.
pub fn evict(file: &File, range: &Range<u64>) -> io::Result<Evicted> {
    let before = resident::resident(file, range);
    let mut clean = Vec::new();
    find_clean(file, range.clone(), &mut clean);
    for range in clean {
        // posix_fadvise wants the length to end with a page, or with the file.
        let (at, length) = (range.start as libc::off64_t, (range.end - range.start) as libc::off64_t);
        // SAFETY: takes no memory of ours.
        match unsafe { libc::posix_fadvise64(file.as_raw_fd(), at, length, libc::POSIX_FADV_DONTNEED) } {
            0 => {}
            errno => return Err(io::Error::from_raw_os_error(errno)),
        }
    }
    let dirty = cachestat(file, range).map(|cached| cached.dirty + cached.writeback);
    Ok(Evicted { before, stayed: resident::resident(file, range), dirty })
}

/// The parts of a range without a dirty page, those that adjoin as one.
fn find_clean(file: &File, range: Range<u64>, clean: &mut Vec<Range<u64>>) {
    let is_dirty = cachestat(file, &range).is_some_and(|cached| cached.dirty + cached.writeback > 0);
    if !is_dirty {
        match clean.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => clean.push(range),
        }
    } else if range.end - range.start > page() {
        let half = range.start + ((range.end - range.start) / 2).next_multiple_of(page());
        find_clean(file, range.start..half, clean);
        find_clean(file, half..range.end, clean);
    }
}
