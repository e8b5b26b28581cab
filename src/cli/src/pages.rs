//! Counter pages as files: the folder, its names, reading one or all of them.
//!
//! What must hold here: links are not followed and only regular files are read, since the folder lies where
//! anybody may write; in a folder, what is no page or of another version is passed over (RUST_LOG=warn tells).

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use faultless_core::page::{BadPage, FILE_BYTES, Snapshot, VERSION};

/// The folders of pages are here, one a user, when FAULTLESS_PAGES is unset.
const SHM: &str = "/dev/shm";

/// A page and the file it was read from.
pub struct Found {
    /// the file, as this process reaches it
    pub path: PathBuf,
    /// what was in it
    pub page: Box<Snapshot>,
}

/// Where pages may be: the folder that the option names, else those of all users that we may read.
pub fn folders(option: &OsStr) -> Vec<PathBuf> {
    folders_in(Path::new("/"), option)
}

/// The same, as a process with another root sees them.
pub fn folders_in(root: &Path, option: &OsStr) -> Vec<PathBuf> {
    let inside = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    if !option.is_empty() {
        return vec![inside(Path::new(option))];
    }
    let entries = fs::read_dir(inside(Path::new(SHM))).into_iter().flatten().flatten();
    let is_ours = |name: &OsStr| name.to_str().and_then(|n| n.strip_prefix("faultless-")).is_some_and(is_number);
    entries.filter(|e| is_ours(&e.file_name())).map(|e| e.path()).filter(|p| fs::read_dir(p).is_ok()).collect()
}

/// The folder in which programs that this command starts make their pages.
pub fn own_folder(option: &OsStr) -> PathBuf {
    if !option.is_empty() {
        return option.into();
    }
    // SAFETY: takes nothing and cannot fail.
    Path::new(SHM).join(format!("faultless-{}", unsafe { libc::getuid() }))
}

fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}

/// Whether a file's name is one that the shim gives: `PID.8 hex digits`.
pub fn is_page_name(name: &str) -> bool {
    name.split_once('.')
        .is_some_and(|(pid, draw)| is_number(pid) && draw.len() == 8 && draw.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The file in which the processes of a tree count what they take of its budgets.
pub fn shared_by_tree(folder: &Path, tree: u64) -> PathBuf {
    folder.join(format!("tree.{tree:016x}"))
}

/// Opens a page's file, for writing its `off` word too if asked.
pub fn open(path: &Path, write: bool) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).write(write).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

/// A page that another version of the library has written.
#[derive(Debug, thiserror::Error)]
#[error("counter page of version {0}; this command reads {VERSION}")]
pub struct OtherVersion(u32);

/// Reads a page from bytes.
///
/// # Errors
/// They are no page, or one of another version.
pub fn parse(bytes: &[u8]) -> Result<Box<Snapshot>> {
    match Snapshot::read(bytes) {
        Ok(page) => Ok(Box::new(page)),
        Err(BadPage::Short) => bail!("too short for a counter page"),
        Err(BadPage::NotAPage) => bail!("no counter page, or one that is not yet whole"),
        Err(BadPage::Version(version)) => Err(OtherVersion(version).into()),
    }
}

/// Reads one page's file.
///
/// # Errors
/// It cannot be read, or holds no page.
pub fn read_file(path: &Path) -> Result<Found> {
    let mut bytes = Vec::with_capacity(FILE_BYTES);
    let read = open(path, false).and_then(|f| f.take(FILE_BYTES as u64).read_to_end(&mut bytes));
    read.with_context(|| format!("{}", path.display()))?;
    let page = parse(&bytes).with_context(|| format!("{}", path.display()))?;
    Ok(Found { path: path.to_owned(), page })
}

/// Reads all pages of a folder, oldest first.
///
/// # Errors
/// The folder cannot be read.
pub fn read_folder(folder: &Path) -> Result<Vec<Found>> {
    read_folder_but(folder, &mut Vec::new())
}

/// The same; the files of pages that other versions have written go to `others`.
///
/// # Errors
/// The folder cannot be read.
pub fn read_folder_but(folder: &Path, others: &mut Vec<PathBuf>) -> Result<Vec<Found>> {
    let entries = fs::read_dir(folder).with_context(|| format!("no counter pages: {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        if !entry.file_name().to_str().is_some_and(is_page_name) {
            continue;
        }
        match read_file(&entry.path()) {
            Ok(page) => found.push(page),
            // A page goes when it is reaped, and is not whole while its process starts.
            Err(error) => {
                log::warn!("{error:#}");
                if error.is::<OtherVersion>() {
                    others.push(entry.path());
                }
            }
        }
    }
    found.sort_by_key(|f| f.page.start_ns);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_shim_gives_are_pages() {
        assert!(is_page_name("4711.00c0ffee"));
        for name in ["4711", "4711.00c0ffe", "4711.00c0ffee1", "x.00c0ffee", "4711.00c0ffeg", ".00c0ffee", "lock"] {
            assert!(!is_page_name(name), "{name}");
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("1.00000000");
        std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
        assert!(open(&link, false).is_err());
    }
}
