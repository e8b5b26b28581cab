//! What `run` gives a program from outside, and what it says of the rules that a program goes without.

use std::process::Command;

use crate::fixtures::{compile, empty_library, faultless, output, run, skip, with_signals};

/// Prints whether huge pages are off for it, and for a program that it starts, and its RLIMIT_MEMLOCK.
const TELLS: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    struct rlimit l;
    getrlimit(RLIMIT_MEMLOCK, &l);
    printf("off %d, soft is hard %d\n", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), l.rlim_cur == l.rlim_max);
    fflush(stdout);
    if (argc > 1) { if (fork() == 0) execl(argv[0], argv[0], (char *)0); wait(0); }
    return 5;
}
"#;

#[test]
fn thp_off_reaches_a_whole_tree_of_static_programs() {
    let Some(program) = compile("thp", TELLS, &["-static"]) else { return };
    for wait in [&["--thp", "off", "--"][..], &["--thp", "off", "--wait", "--"]] {
        let done = output(run(wait).arg(&program).arg("again"));
        let lines: Vec<_> = done.out.lines().filter(|l| l.starts_with("off 1,")).collect();
        assert_eq!((lines.len(), done.status), (2, Some(5)), "{} {}", done.out, done.err);
    }
}

#[test]
fn thp_advised_is_in_force_or_refused_by_its_name() {
    let Some(program) = compile("thp_advised", TELLS, &["-static"]) else { return };
    let done = output(run(&["--thp", "advised", "--"]).arg(&program));
    if done.status == Some(2) {
        assert!(done.err.contains("--thp advised: this kernel cannot") && done.out.is_empty(), "{}", done.err);
    } else {
        assert!(done.out.starts_with("off 3,"), "{}", done.out);
    }
}

#[test]
fn each_rule_that_a_static_program_goes_without_is_named() {
    let Some(program) = compile("without", TELLS, &["-static"]) else { return };
    let done = output(run(&["--policy", "lean", "--rule", "text:populate", "--"]).arg(&program));
    let said = "\n  rule 1 text:populate: not applied\n  rule 2 malloc@1M:nohuge: no huge pages, by prctl\n";
    assert!(done.err.contains(said), "{}", done.err);
    assert!(done.out.starts_with("off 1,"), "{}", done.out);
}

#[test]
fn rules_that_lock_raise_the_limit_to_the_hard_one() {
    let Some(program) = compile("memlock", TELLS, &[]) else { return };
    for (rule, raised) in [("any:lock", 1), ("any:populate", 0)] {
        let done = output(low(run(&["--rule", rule, "--"]).arg(&program)));
        assert_eq!(done.out, format!("off 0, soft is hard {raised}\n"), "{rule} {}", done.err);
    }
}

#[test]
fn a_go_program_is_told_what_rules_do_not_reach() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.go");
    std::fs::write(&source, "package main\nimport \"C\"\nfunc main() { println(\"ran\") }\n").unwrap();
    let program = folder.path().join("a");
    let mut go = std::process::Command::new("go");
    go.arg("build")
        .arg("-o")
        .arg(&program)
        .arg(&source)
        .env("CGO_ENABLED", "1")
        .env("GOCACHE", folder.path().join("c"));
    if !go.output().is_ok_and(|done| done.status.success()) {
        return skip("go cannot build with cgo; apt-get install golang-go").unwrap_or(());
    }
    let done = output(run(&["--policy", "throughput", "--"]).arg(&program));
    assert!(done.err.contains("is a Go program") && done.err.contains("rules 1, 2, 3 reach only"), "{}", done.err);
    assert!(done.err.ends_with("ran\n"), "{}", done.err);
}

#[test]
fn contenders_that_lock_have_the_limit_that_run_would_give_them() {
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("limits");
    let mut command = with_signals(faultless());
    command.args(["compare", "--lib"]).arg(empty_library()).args(["--runs", "1", "--warmup", "0"]);
    command.args(["--rules", "any:populate", "--rules", "any:lock", "--", "sh", "-c", "ulimit -S -l >>\"$0\""]);
    let done = output(low(command.arg(&said)));
    assert_eq!(std::fs::read_to_string(&said).unwrap(), "64\n128\n", "{} {}", done.out, done.err);
}

/// With 64 KiB that may be locked, and 128 KiB as the hard limit.
fn low(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only setrlimit(2) is called.
    unsafe {
        std::os::unix::process::CommandExt::pre_exec(command, || {
            let limit = libc::rlimit { rlim_cur: 65536, rlim_max: 131072 };
            libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit);
            Ok(())
        })
    }
}
