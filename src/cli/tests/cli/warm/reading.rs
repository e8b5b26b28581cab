//! Which pages are read, and which are not.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;

use tempfile::TempDir;

use super::{MIB, PAGE, cold, folder, json, residency, resident, warm};
use crate::fixtures::{Output, faultless, is_root, output, skip};

#[test]
fn a_cold_file_is_resident_to_its_last_page() {
    let folder = folder();
    let path = cold(folder.path(), "x", 5 * MIB + 1);
    let done = warm(&[], &[&path]);
    assert_eq!((resident(&path), done.status), (5 * MIB / PAGE + 1, Some(0)), "{}", done.err);
    assert!(done.out.starts_with("read 5 MiB of 5 MiB in 1 file"), "{}", done.out);
    assert!(done.out.ends_with("5 MiB (100 %) resident\n"), "{}", done.out);
}

#[test]
fn only_what_is_missing_is_read() {
    let folder = folder();
    let path = cold(folder.path(), "x", 4 * MIB);
    warm(&["--range", "1M..2M"], &[&path]);
    assert_eq!(json(&[], &[&path])["files"][0]["read"], 3 * MIB);
    assert_eq!(json(&[], &[&path])["files"][0]["read"], 0);
}

#[test]
fn a_range_brings_its_own_pages_and_no_others() {
    let folder = folder();
    let path = cold(folder.path(), "x", 4 * MIB);
    assert_eq!(warm(&["--range", "1M..2M"], &[&path]).status, Some(0));
    let wanted: Vec<bool> = (0..4 * MIB / PAGE).map(|page| (MIB..2 * MIB).contains(&(page * PAGE))).collect();
    assert_eq!(residency(&path), wanted);
}

#[test]
fn a_bad_range_is_refused_with_a_caret() {
    for range in ["1M", "2M..1M", "1M..2MB", "..1M", "1pct..2G"] {
        let done = warm(&["--range", range], &[Path::new("/nonexistent")]);
        assert_eq!(done.status, Some(2), "{range}");
        assert!(done.err.contains("faultless: --range: ") && done.err.contains('^'), "{range}: {}", done.err);
    }
}

#[test]
fn what_is_beyond_max_is_left_out_from_the_end_and_said() {
    let folder = folder();
    let (first, second) = (cold(folder.path(), "a", 2 * MIB), cold(folder.path(), "b", 2 * MIB));
    let done = warm(&["--max", "2560K"], &[&first, &second]);
    assert_eq!((resident(&first), done.status), (2 * MIB / PAGE, Some(0)));
    let pages = residency(&second);
    assert!(pages[..MIB / 2 / PAGE].iter().all(|page| *page) && !pages[MIB / 2 / PAGE..].contains(&true));
    let left_out = format!("left out 1.50 MiB, from {} on: --max is 2.50 MiB", second.display());
    assert!(done.err.contains(&left_out), "{}", done.err);
}

#[test]
fn what_is_resident_already_takes_nothing_of_max() {
    let folder = folder();
    let path = cold(folder.path(), "x", 2 * MIB);
    warm(&["--range", "0..1M"], &[&path]);
    warm(&["--max", "1M"], &[&path]);
    assert_eq!(resident(&path), 2 * MIB / PAGE);
}

/// The command under another user's id; `None`, with one line, if tests don't run as root.
fn as_nobody(flags: &[&str], path: &Path) -> Option<Output> {
    if !is_root() {
        return skip("only root can start a program as another user");
    }
    // The folders above may be closed to others, so the command and the file are given as copies.
    let open = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::set_permissions(open.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let binary = open.path().join("faultless");
    // By another process: a file that this one has just written may still be busy (ETXTBSY).
    let copied = Command::new("cp").arg(assert_cmd::cargo::cargo_bin!("faultless")).arg(&binary).status();
    assert!(copied.unwrap().success());
    let mut command = Command::new(&binary);
    command.arg("warm").args(flags).arg(path).uid(65533).gid(65533);
    Some(output(&mut command))
}

/// A file in a folder that anybody may search.
fn public(mode: u32) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let path = cold(folder.path(), "x", 2 * MIB);
    fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    (folder, path)
}

#[test]
fn an_unreadable_file_fails() {
    let (_folder, path) = public(0o600);
    let Some(done) = as_nobody(&[], &path) else { return };
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("x: Permission denied"), "{}", done.err);
}

#[test]
fn a_file_of_others_is_not_said_to_be_resident_when_it_is_not() {
    let (_folder, path) = public(0o644);
    let Some(done) = as_nobody(&["--query"], &path) else { return };
    let unknown = done.out.contains("unknown") && done.out.contains("[????");
    // Between Linux 6.5 and 6.13 cachestat tells anybody.
    assert!(unknown || done.out.contains("0 (0 %) resident"), "{}", done.out);
}

#[test]
fn a_file_of_others_is_read_all_the_same() {
    let (_folder, path) = public(0o644);
    let Some(done) = as_nobody(&[], &path) else { return };
    assert_eq!((resident(&path), done.status), (2 * MIB / PAGE, Some(0)), "{}", done.err);
}

#[test]
fn a_signal_ends_it_with_what_was_done_so_far() {
    const SPARSE: u64 = 4 << 40;
    let folder = folder();
    let path = folder.path().join("x");
    // Nothing of it is read under this --max, but looking at each chunk takes long enough to be interrupted.
    File::create(&path).unwrap().set_len(SPARSE).unwrap();
    let mut command = faultless();
    command.args(["warm", "--json", "--max", "0"]).arg(&path);
    // Blocked and pending from before the start, so that it neither kills nor comes too late.
    // SAFETY: all of these are async-signal-safe; the set is filled in before it is used.
    unsafe {
        command.pre_exec(|| {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGINT);
            libc::sigprocmask(libc::SIG_BLOCK, &set, ptr::null_mut());
            libc::kill(libc::getpid(), libc::SIGINT);
            Ok(())
        });
    }
    let done = output(&mut command);
    assert_eq!(done.status, Some(130), "{}", done.err);
    assert!(done.err.contains("stopped by a signal"), "{}", done.err);
    let report: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    // Either the walk or the reading ended before its time.
    let left_out = report["files"][0]["left_out"].as_u64().unwrap_or(0);
    assert!(left_out < SPARSE, "{left_out}");
}

#[test]
fn nothing_but_lines_goes_to_a_pipe() {
    let folder = folder();
    let path = cold(folder.path(), "x", MIB);
    let done = warm(&[], &[&path]);
    assert_eq!(done.err, "");
    assert!(!done.out.contains('\r') && !done.out.contains('\x1b'), "{}", done.out);
}
