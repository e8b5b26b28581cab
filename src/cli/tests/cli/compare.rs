//! `compare`: its table, its refusals, what it says of outputs, and that nothing is left however it ends.
//!
//! What must hold here: no test looks at a time; programs are of the shell's size, so that a comparison takes less
//! than a second.

mod exports;
mod interrupted;
mod output;
mod refusals;
mod servers;

use std::process::Command;

use crate::fixtures::{compile, empty_library, faultless, output, real_library, with_signals};

/// `faultless compare` with a library that does nothing.
fn compare(flags: &[&str]) -> Command {
    let mut command = with_signals(faultless());
    command.arg("compare").arg("--lib").arg(empty_library());
    if !flags.contains(&"--warmup") {
        command.args(["--warmup", "0"]);
    }
    command.args(flags);
    command
}

/// Two rounds of a script for sh, the first contender `none`.
fn script(flags: &[&str], script: &str) -> Command {
    let mut command = compare(&["--runs", "2"]);
    command.args(flags).args(["--", "sh", "-c", script]);
    command
}

#[test]
fn the_table_has_a_row_for_each_contender_and_fits_a_terminal() {
    let mut command = compare(&["--runs", "6", "--policy", "none", "--policy", "observe", "--policy", "throughput"]);
    let done = output(command.args(["--", "true"]));
    assert_eq!(done.status, Some(0), "{}", done.err);
    let lines: Vec<_> = done.out.lines().collect();
    assert_eq!(lines[0], "6 rounds interleaved; 18 of 18 exit 0; output identical");
    let head: Vec<_> = lines[1].split_whitespace().collect();
    let columns = "policy wall ms middle half vs none [95 %] sys ms minor major peak rss";
    assert_eq!(head.join(" "), columns);
    let names: Vec<_> = lines[2..5].iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["none", "observe", "throughput"]);
    for label in ["observe ", "throughput ", "noise ", "host "] {
        assert!(lines[5..].iter().any(|line| line.starts_with(label)), "{label}: {}", done.out);
    }
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{}", done.out);
}

#[test]
fn the_first_contender_has_the_ratio_one_and_few_rounds_have_no_interval() {
    let done = output(&mut script(&[], ":"));
    let none = done.out.lines().find(|line| line.starts_with("none")).unwrap();
    assert!(none.contains(" 1.00 "), "{}", done.out);
    assert!(done.out.contains("too few rounds to tell from none (at least 6)"), "{}", done.out);
}

#[test]
fn none_gets_neither_the_library_nor_a_variable_of_ours() {
    let tell = "env | grep -c -e '^FAULTLESS_P' -e '^LD_PRELOAD'";
    let mut command = compare(&["--runs", "1", "--policy", "none", "--policy", "lean", "--metric", "n=^([0-9]+)$"]);
    command.args(["--ignore-output", "--", "sh", "-c", &format!("{tell}; true")]).env("FAULTLESS_PAGES", "/dev/shm/x");
    let done = output(&mut command);
    let metric =
        done.out.split("\n\n").find(|table| table.starts_with("policy") && table.contains(" n ")).unwrap_or("");
    let row = |name: &str| metric.lines().find(|line| line.starts_with(name)).and_then(|l| l.split_whitespace().nth(1));
    assert_eq!((row("none"), row("lean")), (Some("0"), Some("3.00")), "{}{}", done.out, done.err);
}

#[test]
fn rounds_go_forwards_and_backwards() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("runs.csv");
    let mut command = compare(&["--runs", "3", "--policy", "none", "--policy", "lean", "--policy", "observe", "--csv"]);
    output(command.arg(&csv).args(["--", "true"]));
    let text = std::fs::read_to_string(csv).unwrap();
    let order: Vec<_> = text.lines().skip(1).filter_map(|line| line.split(',').nth(2)).collect();
    assert_eq!(order.join(" "), "none lean observe observe lean none none lean observe");
}

#[test]
fn parameters_are_put_into_rules_and_make_contenders() {
    let done = output(
        compare(&["--runs", "1", "--rules", "malloc@{size}:huge", "--param", "size=1M,2M"]).args(["--", "true"]),
    );
    for name in ["none ", "malloc@1M:huge ", "malloc@2M:huge "] {
        assert!(done.out.lines().any(|line| line.starts_with(name)), "{name}: {}", done.out);
    }
}

#[test]
fn what_is_prepared_runs_before_each_run_and_warm_ups_run_too() {
    let folder = tempfile::tempdir().unwrap();
    let (prepared, ran) = (folder.path().join("prepared"), folder.path().join("ran"));
    let prepare = format!("echo x >> {}", prepared.display());
    let mut command = compare(&["--runs", "2", "--warmup", "1", "--prepare", &prepare]);
    command.args(["--", "sh", "-c", &format!("echo x >> {}", ran.display())]);
    assert_eq!(output(&mut command).status, Some(0));
    let lines = |path| std::fs::read_to_string(path).unwrap().lines().count();
    assert_eq!((lines(prepared), lines(ran)), (6, 6));
}

#[test]
fn every_run_has_all_of_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    std::fs::write(&input, "a\nb\n").unwrap();
    let mut command = compare(&["--runs", "2", "--metric", "lines=^ *([0-9]+)$", "--input"]);
    let done = output(command.arg(&input).args(["--", "wc", "-l"]));
    assert_eq!(done.out.matches("  2.00–2.00 ").count(), 2, "{}{}", done.out, done.err);
}

/// Touches 8 MiB.
const TOUCH: &str = r#"
#include <stdlib.h>
#include <string.h>
int main(void) {
    char *block = malloc(8 << 20);
    memset(block, 1, 8 << 20);
    return block[4096] - 1;
}
"#;

#[test]
fn faults_are_counted_without_those_of_the_library_and_no_page_stays() {
    let (Some(library), Some(program)) = (real_library(), compile("touch8", TOUCH, &["-O0"])) else { return };
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("runs.csv");
    let pages = folder.path().join("pages");
    let mut command = faultless();
    command.args(["compare", "--runs", "1", "--warmup", "0", "--lib"]).arg(library);
    command.arg("--pages").arg(&pages).arg("--csv").arg(&csv);
    command.args(["--rules", "malloc@1M:populate+nohuge", "--policy", "none"]);
    let done = output(command.arg("--").arg(program));
    assert_eq!(done.status, Some(0), "{}", done.err);
    let text = std::fs::read_to_string(csv).unwrap();
    let faults = |name: &str| {
        let line = text.lines().find(|line| line.contains(name)).unwrap();
        line.split(',').nth(6).unwrap().parse::<u64>().unwrap()
    };
    assert!(faults(",none,") >= 2048, "{text}");
    assert!(faults(",malloc@1M:populate+nohuge,") < 1024, "{text}");
    assert_eq!(std::fs::read_dir(&pages).map_or(0, Iterator::count), 0);
}
