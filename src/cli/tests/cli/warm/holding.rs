//! `--hold`: what is locked, and until when.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{MIB, PAGE, cold, drop_pages, folder, resident, warm};
use crate::fixtures::{faultless, output, with_signals};

#[test]
fn a_bad_lock_max_is_refused_whether_flag_or_variable() {
    let done = warm(&["--hold", "--lock-max", "1MB"], &[Path::new("/nonexistent")]);
    assert_eq!(done.status, Some(2), "{}", done.err);
    let mut command = faultless();
    command.args(["warm", "--hold", "/nonexistent"]).env("FAULTLESS_LOCK_MAX", "1MB");
    let done = output(&mut command);
    assert_eq!(done.status, Some(2), "{}", done.err);
    assert!(done.err.contains("FAULTLESS_LOCK_MAX") && done.err.contains('^'), "{}", done.err);
}

/// `warm --hold` once it says that it holds.
fn holding(command: &mut Command) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said = lines.take_while(|line| !line.is_empty()).find(|line| line.starts_with("holding"));
    (child, said.unwrap_or_default())
}

/// Ends it by a signal; its exit status.
fn end(mut child: Child, signal: i32) -> Option<i32> {
    // SAFETY: a process that this test started and has not waited for.
    unsafe { libc::kill(child.id() as i32, signal) };
    child.wait().unwrap().code()
}

fn locked(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    locked.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[test]
fn what_is_held_is_locked_until_a_signal() {
    let folder = folder();
    let path = cold(folder.path(), "x", MIB);
    let (child, said) = holding(faultless().args(["warm", "--hold"]).arg(&path));
    assert_eq!((said.as_str(), locked(child.id())), ("holding 1 MiB in 1 file, until a signal", MIB));
    drop_pages(&path);
    assert_eq!(resident(&path), MIB / PAGE);
    assert_eq!(end(child, libc::SIGTERM), Some(0));
    drop_pages(&path);
    assert_eq!(resident(&path), 0);
}

#[test]
fn no_more_is_held_than_lock_max() {
    let folder = folder();
    let (first, second) = (cold(folder.path(), "a", MIB), cold(folder.path(), "b", MIB));
    let mut command = with_signals(faultless());
    command.args(["warm", "--hold", "--lock-max", "1536K"]).args([first, second]);
    let (child, _) = holding(&mut command);
    assert_eq!(locked(child.id()), MIB * 3 / 2);
    assert_eq!(end(child, libc::SIGINT), Some(0));
}

#[test]
fn nothing_to_hold_is_a_failure() {
    let folder = folder();
    let path = cold(folder.path(), "x", MIB);
    let done = warm(&["--hold", "--lock-max", "0"], &[&path]);
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("not locked: 1 MiB; --lock-max is 0"), "{}", done.err);
}

#[test]
fn the_service_manager_is_told_when_all_is_held() {
    let folder = folder();
    let path = cold(folder.path(), "x", MIB);
    let name = folder.path().join("notify");
    let socket = UnixDatagram::bind(&name).unwrap();
    let (child, _) = holding(faultless().args(["warm", "--hold"]).arg(&path).env("NOTIFY_SOCKET", &name));
    let mut told = [0; 64];
    let length = socket.recv(&mut told).unwrap();
    assert_eq!(&told[..length], b"READY=1");
    assert_eq!(end(child, libc::SIGTERM), Some(0));
}
