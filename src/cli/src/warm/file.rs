//! A file that is wanted, and the file opened.
//!
//! What must hold here: opening waits for nobody and changes nothing, not even the time of access where that is
//! ours to say; what is opened is a regular file, whatever took its place since it was found.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::resident::page;

/// A file, as it was found.
#[derive(Debug)]
pub struct Wanted {
    /// its name
    pub path: PathBuf,
    /// the bytes that are meant, from the start of a page; never empty
    pub range: Range<u64>,
    /// whether the name may be a symbolic link
    pub follow: bool,
}

impl Wanted {
    /// How many bytes are meant.
    pub fn bytes(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Pages of it in bytes: the last one may be a part of one.
    pub fn bytes_of(&self, pages: u64) -> u64 {
        pages.saturating_mul(page()).min(self.bytes())
    }

    /// Opens it.
    ///
    /// # Errors
    /// The kernel's; it is no regular file any more; it has become shorter than the range.
    pub fn open(&self) -> io::Result<File> {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY | if self.follow { 0 } else { libc::O_NOFOLLOW };
        let open = |flags| OpenOptions::new().read(true).custom_flags(flags).open(&self.path);
        let file = match open(flags | libc::O_NOATIME) {
            // Only the owner may leave the time of access alone.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => open(flags)?,
            opened => opened?,
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("no regular file any more"));
        }
        if metadata.len() < self.range.end {
            return Err(shorter());
        }
        Ok(file)
    }
}

/// Said of a file that was cut meanwhile.
pub fn shorter() -> io::Error {
    io::Error::other("became shorter meanwhile")
}

/// The part of a file of `size` bytes that a range means, from the start of a page to the end of one or of the file.
pub fn part(range: Option<&Range<u64>>, size: u64) -> Range<u64> {
    let Some(range) = range else { return 0..size };
    let page = page();
    let end = range.end.checked_next_multiple_of(page).unwrap_or(u64::MAX).min(size);
    (range.start / page * page).min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_means_whole_pages_and_ends_with_the_file() {
        let p = page();
        assert_eq!(part(Some(&(p + 1..2 * p + 1)), 10 * p), p..3 * p);
        assert_eq!(part(Some(&(p + 1..20 * p)), 10 * p + 7), p..10 * p + 7);
        assert_eq!(part(None, 7), 0..7);
    }

    #[test]
    fn a_range_beyond_the_end_means_nothing() {
        assert!(part(Some(&(1 << 30..2 << 30)), 4096).is_empty());
    }

    fn wanted(path: PathBuf, bytes: u64) -> Wanted {
        Wanted { path, range: 0..bytes, follow: false }
    }

    #[test]
    fn a_file_that_was_cut_since_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, [0; 100]).unwrap();
        assert!(wanted(path.clone(), 100).open().is_ok());
        assert_eq!(wanted(path, 101).open().unwrap_err().to_string(), "became shorter meanwhile");
    }

    #[test]
    fn what_took_a_files_place_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(wanted(path, 100).open().unwrap_err().to_string(), "no regular file any more");
    }

    #[test]
    fn a_link_that_took_a_files_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert_eq!(wanted(path, 1).open().unwrap_err().raw_os_error(), Some(libc::ELOOP));
    }
}
