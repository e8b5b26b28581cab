//! Bad input: exit 2 and a word that points at it, before anything has run.

use super::compare;
use crate::fixtures::{faultless, is_root, output};

fn refused(flags: &[&str], why: &str) {
    let done = output(compare(flags).args(["--", "touch", "/nonexistent/never-run"]));
    assert_eq!(done.status, Some(2), "{flags:?}: {}{}", done.out, done.err);
    assert!(done.err.contains(why), "{flags:?}: {}", done.err);
    assert!(!done.err.contains("never-run"), "{flags:?} ran: {}", done.err);
}

#[test]
fn contenders_that_cannot_be_read_are_refused() {
    refused(&["--policy", "thruput"], "\n  thruput\n  ^^^^^^^");
    refused(&["--rules", "malloc:hgue"], "\n  malloc:hgue\n         ^^^^\n  did you mean huge?");
    refused(&["--rule", "heap"], "--rule: ");
    refused(&["--policy", "none"], "nothing to compare it with");
    refused(&["--lock-max", "1MB"], "--lock-max: ");
}

#[test]
fn parameters_that_mean_nothing_are_refused() {
    refused(&["--param", "x=1,2"], "stands in no rule");
    refused(&["--rules", "anon@{x}:huge", "--param", "x"], "not NAME=VALUE");
    refused(&["--rules", "anon@{x}:huge", "--param", "x=1M,,2M"], "an empty value");
    refused(&["--rules", "anon@{x}:huge"], "\n  anon@{x}:huge\n");
}

#[test]
fn metrics_and_readiness_that_cannot_be_read_are_refused() {
    refused(&["--metric", "tps"], "not NAME=REGEX");
    refused(&["--metric", "tps:best=x"], "\n  tps:best=x\n      ^^^^");
    refused(&["--metric", "tps=("], "no regular expression");
    refused(&["--load", "x", "--ready", "6379"], "not port:NUMBER");
    refused(&["--load", "x", "--ready", "port:http"], "\n  port:http\n       ^^^^");
    refused(&["--load", "x"], "--ready");
}

#[test]
fn files_that_cannot_be_had_are_refused_before_anything_runs() {
    refused(&["--json", "/nonexistent/x.json"], "cannot write it");
    refused(&["--input", "/nonexistent/x"], "cannot read it");
    let done = output(faultless().args(["compare", "--lib", "/nonexistent/x.so", "true"]));
    assert_eq!(done.status, Some(2), "{}", done.err);
    assert!(done.err.contains("--lib /nonexistent/x.so: No such file"), "{}", done.err);
}

#[test]
fn lengths_that_mean_nothing_are_refused() {
    refused(&["--runs", "0"], "--runs");
    refused(&["--time=-1"], "--time");
    refused(&["--time", "nan"], "--time");
    refused(&["--runs", "3", "--time", "3"], "cannot be used with");
}

#[test]
fn an_export_that_was_not_there_is_not_left_empty_by_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("x.json");
    refused(&["--json", json.to_str().unwrap(), "--html", "/nonexistent/x"], "cannot write it");
    assert!(!json.exists());
}

#[test]
fn a_program_that_cannot_be_run_ends_as_env_does() {
    assert_eq!(output(compare(&[]).args(["--", "nonesuch-program"])).status, Some(127));
    assert_eq!(output(compare(&[]).args(["--", "/proc/self/status"])).status, Some(126));
}

#[test]
fn caches_that_cannot_be_dropped_are_refused_with_the_remedy() {
    if is_root() {
        return crate::fixtures::skip("root may drop caches").unwrap_or(());
    }
    refused(&["--cold"], "faultless warm --evict");
}
