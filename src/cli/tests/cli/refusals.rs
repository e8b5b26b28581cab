//! Bad input: exit 2, the source with a caret under the fault, the reason, the nearest right spelling.

use std::path::Path;

use crate::fixtures::{Output, faultless, output, run};

fn refused(flags: &[&str]) -> Output {
    let done = output(run(flags).args(["--", "touch", "/nonexistent/never-run"]));
    assert_eq!(done.status, Some(2), "{flags:?}: {}", done.err);
    assert!(!done.err.contains("never-run"), "{flags:?} ran the program: {}", done.err);
    done
}

#[test]
fn an_unknown_policy_is_refused_with_the_nearest_name() {
    let err = refused(&["--policy", "throughputt"]).err;
    assert!(err.contains("\n  throughputt\n  ^^^^^^^^^^^\n  did you mean throughput?"), "{err}");
}

#[test]
fn a_wrong_action_has_a_caret_under_it() {
    let err = refused(&["--rule", "malloc@1M:hgue"]).err;
    assert!(err.contains("faultless: --rule: "), "{err}");
    assert!(err.contains("\n  malloc@1M:hgue\n            ^^^^\n  did you mean huge?"), "{err}");
}

#[test]
fn each_error_of_the_grammar_is_refused() {
    for rule in [
        "heap:huge,",
        "heap:huge,,anon:huge",
        "heap:huge+nohuge",
        "stack:recycle",
        "heap@1M:huge",
        "text@1M:huge",
        "anon=/x:huge",
        "haep:huge",
        "heap",
        "heap:",
        "anon@1MB:huge",
        "anon@99999999999999999999:huge",
        "anon@2M..1M:huge",
        "file:populate=2M..1M",
        "file=x:lock",
        "file=/a b:lock",
        "heap:huge=big",
        "malloc@1K:huge",
        "anon:leave+lock",
        "# comment",
    ] {
        let done = refused(&["--rule", rule]);
        assert!(done.err.contains('^'), "{rule}: {}", done.err);
    }
}

#[test]
fn bad_values_of_options_are_refused_whether_flag_or_variable() {
    for (flag, variable, value) in [
        ("--lock-max", "FAULTLESS_LOCK_MAX", "1MB"),
        ("--populate-max", "FAULTLESS_POPULATE_MAX", "99999999999999999999"),
        ("--populate-time-max", "FAULTLESS_POPULATE_TIME_MAX", "10"),
        ("--report", "FAULTLESS_REPORT", "xml=/x"),
        ("--log", "FAULTLESS_LOG", "loud"),
        ("--pages", "FAULTLESS_PAGES", "relative"),
        ("--disable=maybe", "FAULTLESS_DISABLE", "maybe"),
    ] {
        let err = if flag.contains('=') { refused(&[flag]).err } else { refused(&[flag, value]).err };
        assert!(err.contains(&format!("\n  {value}\n")) && err.contains('^'), "{flag}: {err}");
        let done = output(run(&["--", "true"]).env(variable, value));
        assert_eq!(done.status, Some(2), "{variable}");
        assert!(done.err.contains(&format!("faultless: {variable}: ")), "{}", done.err);
    }
}

#[test]
fn rules_in_the_environment_are_refused_where_they_stand() {
    let done = output(run(&["--rule", "heap:huge", "--", "true"]).env("FAULTLESS_RULES", "anon:hug"));
    assert_eq!(done.status, Some(2));
    assert!(done.err.contains("faultless: FAULTLESS_RULES: "), "{}", done.err);
    assert!(done.err.contains("\n  anon:hug\n       ^^^\n"), "{}", done.err);
}

#[test]
fn an_unreadable_policy_file_is_refused() {
    let done = refused(&["--policy", "/nonexistent/site.rules"]);
    assert!(done.err.contains("cannot read it: No such file"), "{}", done.err);
    assert_eq!(output(faultless().args(["policy", "check", "/nonexistent/site.rules"])).status, Some(2));
}

#[test]
fn a_fault_in_a_file_is_shown_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.rules");
    std::fs::write(&file, "# ours\nheap:huge\n  anon:hug\n").unwrap();
    let done = refused(&["--policy", file.to_str().unwrap()]);
    assert!(done.err.contains("site.rules:3:8: "), "{}", done.err);
    assert!(done.err.contains("\n    anon:hug\n         ^^^\n"), "{}", done.err);
}

#[test]
fn a_library_that_ld_preload_cannot_carry_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a b.so", "a:b.so", "$LIB.so"] {
        let path = folder.path().join(name);
        std::fs::copy(crate::fixtures::empty_library(), &path).unwrap();
        let done = output(faultless().args(["run", "--lib", path.to_str().unwrap(), "--", "true"]));
        assert_eq!(done.status, Some(2), "{name}");
        assert!(done.err.contains("cannot be preloaded"), "{}", done.err);
    }
}

#[test]
fn a_missing_library_is_refused_with_the_places_looked_at() {
    let ours = Path::new(assert_cmd::cargo::cargo_bin!("faultless"));
    // A hard link, because what this process has just written may still be busy (ETXTBSY).
    let folder = tempfile::tempdir_in(ours.parent().unwrap()).unwrap();
    let copy = folder.path().join("faultless");
    std::fs::hard_link(ours, &copy).unwrap();
    let done = output(std::process::Command::new(&copy).args(["run", "--", "true"]).env_remove("FAULTLESS_LIB"));
    assert_eq!(done.status, Some(2), "{}", done.err);
    assert!(done.err.contains("--lib") && done.err.contains("lib/faultless/libfaultless.so"), "{}", done.err);
}

#[test]
fn colour_comes_only_when_asked_for_here() {
    let flags = ["policy", "show", "throughputt"];
    assert!(!output(faultless().args(flags)).err.contains('\x1b'));
    let coloured = output(faultless().args(["--color", "always"]).args(flags)).err;
    assert!(coloured.contains("\x1b["), "{coloured}");
}

#[test]
fn an_unknown_option_is_not_taken_for_the_program() {
    let done = output(faultless().args(["run", "--polcy", "x", "--", "true"]));
    assert_eq!(done.status, Some(2), "{}{}", done.out, done.err);
    assert!(done.err.contains("--polcy") && done.err.contains("--policy"), "{}", done.err);
    let done = output(&mut run(&["echo", "-n", "--wait"]));
    assert_eq!((done.out.as_str(), done.status), ("--wait", Some(0)), "{}", done.err);
}

#[test]
fn a_folder_that_takes_no_pages_is_said_before_the_program_runs() {
    let done = output(&mut run(&["--wait", "--pages", "/proc/nowhere", "--", "true"]));
    assert!(done.err.contains("no counter pages, so no table: /proc/nowhere"), "{}", done.err);
    assert_eq!(done.status, Some(0));
}

#[test]
fn a_heat_file_that_is_none_is_refused_and_one_that_is_not_there_yet_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let junk = folder.path().join("junk");
    std::fs::write(&junk, "faultless heat 1\nregion\n").unwrap();
    let err = refused(&["--heat", junk.to_str().unwrap()]).err;
    assert!(err.contains("faultless: --heat: a damaged heat map"), "{err}");
    let err = refused(&["--heat", folder.path().to_str().unwrap()]).err;
    assert!(err.contains("not a regular file"), "{err}");
    let done =
        output(run(&["--heat", folder.path().join("later").to_str().unwrap(), "--dry-run"]).args(["--", "true"]));
    assert_eq!(done.status, Some(0), "{}", done.err);
}

#[test]
fn learning_into_a_folder_that_is_not_there_is_refused_before_anything_runs() {
    let done = output(run(&["--learn", "/nonexistent/heat"]).args(["--", "echo", "ran"]));
    assert!(done.status != Some(0) && !done.out.contains("ran"), "{:?} {}", done.status, done.out);
    assert!(done.err.contains("/nonexistent/heat"), "{}", done.err);
}
