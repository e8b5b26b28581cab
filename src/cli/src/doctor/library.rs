//! The library and its pages: found, loaded into a true program, and the page that this one left read back.
//!
//! What must hold here: the folder of pages is tried as the library will use it; what the trial made is removed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use faultless_core::options::{Id, TABLE};
use faultless_core::page::{FILE_BYTES, State};
use faultless_core::size::Human;

use super::finding::{Finding, Group};
use crate::config::Config;
use crate::launch;
use crate::library::Library;
use crate::pages;

/// A program that does nothing, and is everywhere.
const PROGRAM: &str = "/bin/true";
/// As many pages as the folder takes.
const PAGES: u64 = 2048;

/// linux/magic.h
const RAMFS_MAGIC: u64 = 0x8584_58f6;

/// All of it.
pub fn group(library: &Result<Library>, config: &Config) -> Group {
    let folder = pages::own_folder(config.get(Id::Pages));
    let mut findings = vec![folder_of_pages(&folder)];
    findings.extend(space(&folder));
    findings.push(found(library));
    findings.extend(library.as_ref().ok().map(|library| load(library, &folder)));
    Group { name: "library and counter pages", findings }
}

fn folder_of_pages(folder: &Path) -> Finding {
    let (id, what) = ("pages.folder", "folder of pages");
    let name = folder.display();
    // SAFETY: takes nothing and cannot fail.
    let uid = unsafe { libc::getuid() };
    let meta = match fs::symlink_metadata(folder) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match folder.parent().map(|parent| usable(parent, ".faultless-doctor")) {
                Some(Ok(())) => Finding::ok(id, what, format!("{name} will be made")),
                _ => Finding::warn(id, what, format!("{name} cannot be made: no report of what was killed"))
                    .remedy("--pages FOLDER, or FAULTLESS_PAGES: a folder of yours, on a tmpfs"),
            };
        }
        Err(error) => return Finding::unknown(id, what, format!("{name}: {error}")),
    };
    let wrong = if meta.is_symlink() {
        Some("is a link, which the library does not follow")
    } else if !meta.is_dir() {
        Some("is no folder")
    } else if meta.uid() != uid {
        Some("is another user's")
    } else if meta.mode() & 0o022 != 0 {
        Some("may be written by others")
    } else {
        None
    };
    let mode = format!("{name}, user {}, mode {:04o}", meta.uid(), meta.mode() & 0o7777);
    match (wrong, usable(folder, ".doctor")) {
        (Some(wrong), _) => Finding::warn(id, what, format!("{mode}: {wrong}; no report of what was killed"))
            .remedy(format!("remove it (mode 0700, yours, is what the library makes): rm -r {name}")),
        (None, Err(error)) => Finding::warn(id, what, format!("{mode}: {error}; no report of what was killed"))
            .remedy("--pages FOLDER, or FAULTLESS_PAGES: a folder of yours, on a tmpfs"),
        (None, Ok(())) if is_on_disk(folder) => {
            let why = "on a disk: where memory is tight, a cgroup v1 may hold programs up for 100 ms until a page is written back";
            Finding::warn(id, what, format!("{mode}: {why}")).remedy("--pages FOLDER, or FAULTLESS_PAGES: on a tmpfs")
        }
        (None, Ok(())) => Finding::ok(id, what, format!("{mode}, takes a page")),
    }
}

/// Whether a file of a page's size can be made here; it is gone again.
fn usable(folder: &Path, name: &str) -> io::Result<()> {
    let probe = folder.join(format!("{name}.{}", std::process::id()));
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(flags).open(&probe);
    let written = file.and_then(|mut file| file.write_all(&[0; FILE_BYTES]));
    let _ = fs::remove_file(probe);
    written
}

/// Whether what is written there is written back to somewhere.
fn is_on_disk(folder: &Path) -> bool {
    let Ok(path) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else { return false };
    let mut about = std::mem::MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: `path` ends in NUL and `about` is large enough to be filled in; all zeroes is a valid statfs.
    let (status, about) = unsafe { (libc::statfs(path.as_ptr(), about.as_mut_ptr()), about.assume_init()) };
    status == 0 && ![libc::TMPFS_MAGIC as u64, RAMFS_MAGIC].contains(&(about.f_type as u64))
}

fn space(folder: &Path) -> Option<Finding> {
    let (id, what) = ("pages.space", "space for pages");
    let existing = folder.ancestors().find(|f| f.exists())?;
    let free = free(existing)?;
    let one = FILE_BYTES as u64;
    Some(if free < one * 16 {
        Finding::warn(id, what, format!("{} left on {}: {} a process", Human(free), existing.display(), Human(one)))
            .remedy("docker run --shm-size; kubernetes: an emptyDir of medium Memory on /dev/shm")
    } else {
        let count = (free / one).min(PAGES);
        Finding::ok(id, what, format!("{} left, room for {count} processes", Human(free)))
    })
}

/// Bytes that this user may still write.
fn free(folder: &Path) -> Option<u64> {
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut about = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `path` ends in NUL and `about` is large enough to be filled in; all zeroes is a valid statvfs.
    let (status, about) = unsafe { (libc::statvfs(path.as_ptr(), about.as_mut_ptr()), about.assume_init()) };
    (status == 0).then(|| about.f_bavail.saturating_mul(about.f_frsize))
}

fn found(library: &Result<Library>) -> Finding {
    let (id, what) = ("library.found", "libfaultless.so");
    match library {
        Ok(library) => Finding::ok(id, what, library.path.display().to_string()),
        Err(error) => {
            let first = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
            Finding::fail(id, what, first).remedy("make install, or --lib PATH, or FAULTLESS_LIB=PATH")
        }
    }
}

/// Runs a program under it, and reads its page.
fn load(library: &Library, folder: &Path) -> Finding {
    let (id, what) = ("library.loads", "a program under it");
    let tree = launch::draw_tree();
    let mut command = Command::new(PROGRAM);
    TABLE.iter().for_each(|row| {
        command.env_remove(row.env);
    });
    let set = |id: Id| id.row().map_or("", |row| row.env);
    command.env("LD_PRELOAD", &library.path).env(set(Id::Tree), format!("{tree:016x}"));
    command.env(set(Id::Policy), "throughput").env(set(Id::Report), "none").env(set(Id::Pages), folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = command.spawn().map(|child| (child.id(), child));
    let (pid, done) = match started.and_then(|(pid, child)| Ok((pid, child.wait_with_output()?))) {
        Ok(done) => done,
        Err(error) => return Finding::unknown(id, what, format!("{PROGRAM}: {error}")),
    };
    let said = String::from_utf8_lossy(&done.stderr).lines().next().unwrap_or_default().to_owned();
    let mut others = Vec::new();
    let all = pages::read_folder_but(folder, &mut others).unwrap_or_default();
    let left = all.into_iter().find(|f| f.page.tree == tree);
    let since = SystemTime::now().checked_sub(Duration::from_secs(60));
    let is_new = |file: &PathBuf| file.metadata().and_then(|m| m.modified()).ok() >= since;
    let is_its = |file: &&PathBuf| {
        file.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&format!("{pid}."))) && is_new(file)
    };
    let other = others.iter().find(is_its);
    for file in left.iter().map(|f| &f.path).chain(other) {
        let _ = fs::remove_file(file);
    }
    let _ = fs::remove_file(pages::shared_by_tree(folder, tree));
    match left {
        _ if !done.status.success() => Finding::fail(id, what, format!("{PROGRAM}: {}: {said}", done.status))
            .remedy("reinstall the library; if it still fails, that is a bug of ours"),
        Some(found) if found.page.state == State::On as u32 => {
            Finding::ok(id, what, format!("{PROGRAM} ran, its counter page was read back"))
        }
        Some(found) => {
            let why = faultless_core::report::why(found.page.why);
            Finding::fail(id, what, format!("{PROGRAM} ran, but the library stood down: {why}"))
        }
        None if other.is_some() => {
            Finding::fail(id, what, "its counter page is of another version: this library is not this command's")
                .remedy("both from one build: make install, or --lib PATH")
        }
        None if said.contains("LD_PRELOAD") => {
            Finding::fail(id, what, said).remedy("a libfaultless.so for this C library and machine")
        }
        None => Finding::warn(id, what, format!("{PROGRAM} ran, but left no counter page")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_that_others_may_write_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!folder_of_pages(folder.path()).reason.contains("others"));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let found = folder_of_pages(folder.path());
        assert_eq!(found.level, Level::Warn);
        assert!(found.reason.contains("may be written by others"));
    }

    #[test]
    fn a_folder_that_is_a_link_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(folder_of_pages(&link).reason.contains("is a link"));
    }

    #[test]
    fn trying_a_folder_leaves_nothing_in_it() {
        let folder = tempfile::tempdir().unwrap();
        usable(folder.path(), ".doctor").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
