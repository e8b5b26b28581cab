//! Ended from outside: no process, no page, and what was measured so far.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::compare;

/// Says its process id, then works for longer than any test; with a process of its own beside it.
fn begun(folder: &Path, quick_runs: usize) -> (Child, Vec<i32>) {
    let (counter, pids) = (folder.join("counter"), folder.join("pids"));
    let script = format!(
        "echo x >> {counter}; test $(wc -l < {counter}) -le {quick_runs} && exit; sleep 1000 & echo $$ $! > {pids}.new; \
         mv {pids}.new {pids}; wait",
        counter = counter.display(),
        pids = pids.display(),
    );
    let mut command = compare(&["--runs", "9", "--", "sh", "-c", &script]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(|| pids.exists());
    let pids = fs::read_to_string(pids).unwrap();
    (child, pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect())
}

fn until(condition: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < limit, "it never came");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Gone, or dead and not yet waited for by whoever adopts orphans here.
fn is_gone(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

fn kill(child: &Child, signal: i32) {
    // SAFETY: a process that this test started and has not waited for.
    unsafe { libc::kill(child.id() as i32, signal) };
}

#[test]
fn a_signal_stops_the_run_and_shows_the_rounds_that_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let (child, pids) = begun(folder.path(), 4);
    kill(&child, libc::SIGINT);
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(130));
    assert!(pids.iter().all(|pid| is_gone(*pid)));
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(out.starts_with("2 rounds interleaved; 4 of 4 exit 0"), "{out}");
    assert!(err.contains("stopped by a signal; so far:"), "{err}");
}

#[test]
fn a_signal_before_two_rounds_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (child, pids) = begun(folder.path(), 1);
    kill(&child, libc::SIGTERM);
    let done = child.wait_with_output().unwrap();
    assert_eq!((done.status.code(), done.stdout.is_empty()), (Some(143), true));
    assert!(pids.iter().all(|pid| is_gone(*pid)));
}

#[test]
fn nothing_runs_on_when_it_is_killed_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, pids) = begun(folder.path(), 0);
    kill(&child, libc::SIGKILL);
    child.wait().unwrap();
    until(|| pids.iter().all(|pid| is_gone(*pid)));
}

#[test]
fn a_run_that_ignores_the_request_to_end_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let script = format!("trap '' TERM; echo $$ > {0}.new; mv {0}.new {0}; while :; do sleep 1; done", pid.display());
    let child = compare(&["--", "sh", "-c", &script]).stderr(Stdio::null()).spawn().unwrap();
    until(|| pid.exists());
    kill(&child, libc::SIGHUP);
    // A second signal does not wait for the first one's grace.
    thread::sleep(Duration::from_millis(50));
    kill(&child, libc::SIGINT);
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(129));
    assert!(is_gone(fs::read_to_string(pid).unwrap().trim().parse().unwrap()));
}
