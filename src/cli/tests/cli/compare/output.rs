//! What runs print and how they end: the same for all contenders, or it is an error.

use super::script;
use crate::fixtures::output;

/// Prints something else under the library.
const TELLTALE: &str = "echo same; echo ${LD_PRELOAD:+other}; echo same";

#[test]
fn output_that_differs_between_contenders_is_an_error_that_shows_the_line() {
    let done = output(&mut script(&["--policy", "none", "--policy", "lean"], TELLTALE));
    assert_eq!(done.status, Some(1));
    assert!(done.out.contains("output DIFFERS"), "{}", done.out);
    let shown =
        "the output of lean differs from that of none, first in round 1: stdout, line 2\n  none: \n  lean: other\n";
    assert!(done.err.contains(shown), "{}", done.err);
}

#[test]
fn output_that_differs_is_none_of_our_business_if_it_is_to_be_ignored() {
    let done = output(&mut script(&["--ignore-output"], TELLTALE));
    assert_eq!((done.status, done.err.as_str()), (Some(0), ""));
    assert!(!done.out.contains("output"), "{}", done.out);
}

#[test]
fn standard_error_is_output_too() {
    let done = output(&mut script(&["--policy", "none", "--policy", "lean"], "echo ${LD_PRELOAD:+other} >&2"));
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("stderr, line 1"), "{}", done.err);
}

#[test]
fn no_policy_is_blamed_for_output_that_is_not_steady_by_itself() {
    let done = output(&mut script(&[], "cat /proc/sys/kernel/random/uuid"));
    assert_eq!(done.status, Some(0), "{}", done.err);
    assert!(done.err.contains("not steady: none differs from itself"), "{}", done.err);
    assert!(done.out.contains("output not steady"), "{}", done.out);
}

#[test]
fn a_run_that_fails_ends_it_and_what_it_said_last_is_shown() {
    let done = output(&mut script(&[], "echo no such table >&2; exit 3"));
    assert_eq!((done.status, done.out.as_str()), (Some(1), ""));
    let said = "round 1 of none: the program ended with exit 3; the last that was printed:\n  no such table";
    assert!(done.err.contains(said), "{}", done.err);
}

#[test]
fn a_policy_under_which_it_is_killed_is_named() {
    let done =
        output(&mut script(&["--policy", "none", "--policy", "lean"], "test -z \"$LD_PRELOAD\" || kill -SEGV $$"));
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("round 1 of lean: the program ended with signal 11"), "{}", done.err);
}

#[test]
fn runs_that_fail_are_counted_if_that_is_to_be_ignored() {
    let done = output(&mut script(&["--ignore-failure"], "exit 3"));
    assert_eq!(done.status, Some(0), "{}", done.err);
    assert!(done.out.starts_with("2 rounds interleaved; 0 of 4 exit 0; output identical\n"), "{}", done.out);
}

#[test]
fn a_metric_that_is_not_in_the_output_is_said_with_what_was_there() {
    let done = output(&mut script(&["--metric", "tps=tps ([0-9]+)"], "echo qps 12"));
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("--metric tps matches nothing in the output:\n  qps 12"), "{}", done.err);
}

#[test]
fn what_a_run_leaves_running_in_its_group_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    output(&mut script(&[], &format!("sleep 1000 & echo $! > {}; true", pid.display())));
    let pid: i32 = std::fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    // Killed, but perhaps not yet waited for by whoever adopts orphans here.
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}
