//! The disk that files lie on: its readahead, and which pages of a file are in memory.
//!
//! What must hold here: a disk that can't be told its readahead is refused, so that no scene is measured with another
//! than it names; a file counts as cold only when the kernel has none of it.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const PAGE: usize = 4096;

/// A block device.
pub struct Disk {
    folder: PathBuf,
    number: String,
}

impl Disk {
    /// The one that holds a folder, a partition's whole disk.
    pub fn under(folder: &Path) -> Result<Disk, String> {
        let dev = std::fs::metadata(folder).map_err(|e| e.to_string())?.dev();
        let link = format!("/sys/dev/block/{}:{}", libc::major(dev), libc::minor(dev));
        let found = std::fs::canonicalize(&link).map_err(|_| format!("{} is on no disk", folder.display()))?;
        let whole = match found.join("partition").exists() {
            true => found.parent().unwrap_or(&found).to_path_buf(),
            false => found,
        };
        let number = read(&whole.join("dev"))?;
        let disk = Disk { folder: whole, number };
        let ahead = disk.ahead()?;
        disk.set_ahead(ahead).map(|()| disk)
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// `major:minor`.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Where its readahead is set.
    pub fn ahead_file(&self) -> PathBuf {
        self.folder.join("queue/read_ahead_kb")
    }

    /// KiB of its readahead.
    pub fn ahead(&self) -> Result<u32, String> {
        read(&self.ahead_file())?.parse().map_err(|_| "read_ahead_kb is no number".into())
    }

    /// Sets its readahead, in KiB.
    pub fn set_ahead(&self, kib: u32) -> Result<(), String> {
        let file = self.ahead_file();
        std::fs::write(&file, kib.to_string()).map_err(|e| format!("{}: {e}", file.display()))
    }
}

fn read(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// Takes a file out of the page cache. An error says that some of it stayed.
pub fn evict(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    for attempt in 0..20 {
        // SAFETY: the descriptor is open; no memory is passed.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        match resident(path)? {
            0 => return Ok(()),
            // pages still on their way in, or on another processor's list
            _ => std::thread::sleep(std::time::Duration::from_millis(10 << (attempt / 4))),
        }
    }
    Err(format!("{} can't be taken out of memory", path.display()))
}

/// Bytes of a file that are in the page cache.
pub fn resident(path: &Path) -> Result<u64, String> {
    let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let bytes = file.metadata().map_err(|e| e.to_string())?.len() as usize;
    if bytes == 0 {
        return Ok(0);
    }
    let mut pages = vec![0_u8; bytes.div_ceil(PAGE)];
    // SAFETY: a new mapping of a file that is open; nothing is read through it.
    let map =
        unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    if map == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error().to_string());
    }
    // SAFETY: the vector holds a byte for each page of the mapping.
    let known = unsafe { libc::mincore(map, bytes, pages.as_mut_ptr()) } == 0;
    // SAFETY: the mapping made above, which nothing refers to.
    unsafe { libc::munmap(map, bytes) };
    match known {
        true => Ok(pages.iter().filter(|p| **p & 1 != 0).count() as u64 * PAGE as u64),
        false => Err(std::io::Error::last_os_error().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_just_written_is_in_memory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![1; 10 * PAGE + 1]).unwrap();
        assert_eq!(resident(file.path()), Ok(11 * PAGE as u64));
    }

    #[test]
    fn a_folder_on_no_disk_is_refused() {
        assert!(Disk::under(Path::new("/proc")).is_err());
    }
}
