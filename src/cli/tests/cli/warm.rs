//! `faultless warm`: what is in the page cache afterwards, counted by mincore, never by time.

mod holding;
mod looking;
mod paths;
mod reading;

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::ptr;

use tempfile::TempDir;

use crate::fixtures::{Output, faultless, output};

const PAGE: usize = 4096;
const MIB: usize = 1 << 20;

/// A folder on a disk: on a tmpfs nothing could be dropped.
fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A file whose pages are on disk and not in the page cache.
fn cold(folder: &Path, name: &str, bytes: usize) -> PathBuf {
    let path = folder.join(name);
    let mut file = File::create(&path).unwrap();
    file.write_all(&vec![7; bytes]).unwrap();
    file.sync_all().unwrap();
    drop_pages(&path);
    assert_eq!(resident(&path), 0, "the file system keeps what was dropped");
    path
}

fn drop_pages(path: &Path) {
    let file = File::open(path).unwrap();
    // SAFETY: takes no memory.
    assert_eq!(unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) }, 0);
}

/// A shared mapping of a whole file, gone at the end.
struct Mapped(*mut libc::c_void, usize);

impl Mapped {
    fn new(path: &Path) -> Mapped {
        let file = File::open(path).unwrap();
        let length = file.metadata().unwrap().len() as usize;
        // SAFETY: a new mapping.
        let at = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        assert_ne!(at, libc::MAP_FAILED);
        Mapped(at, length)
    }

    fn touch(&self) {
        for page in (0..self.1).step_by(PAGE) {
            // SAFETY: within the mapping, whose file nobody cuts.
            unsafe { self.0.cast::<u8>().add(page).read_volatile() };
        }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: our own mapping, not used afterwards.
        unsafe { libc::munmap(self.0, self.1) };
    }
}

/// Which pages of a file are resident.
fn residency(path: &Path) -> Vec<bool> {
    let mapped = Mapped::new(path);
    let mut pages = vec![0u8; mapped.1.div_ceil(PAGE)];
    // SAFETY: a byte for each page.
    assert_eq!(unsafe { libc::mincore(mapped.0, mapped.1, pages.as_mut_ptr()) }, 0);
    pages.iter().map(|page| page & 1 == 1).collect()
}

fn resident(path: &Path) -> usize {
    residency(path).iter().filter(|page| **page).count()
}

fn warm(flags: &[&str], paths: &[&Path]) -> Output {
    output(faultless().arg("warm").args(flags).args(paths))
}

fn json(flags: &[&str], paths: &[&Path]) -> serde_json::Value {
    let done = warm(&[&["--json"], flags].concat(), paths);
    serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{}{}", done.out, done.err))
}
