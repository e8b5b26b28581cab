//! What every subcommand prints, against the files of `tests/golden`: one file a case, named by the subcommand.
//!
//! What must hold here: a subcommand without a case fails a test; what differs between machines and runs is masked
//! ([`masked`]), and nothing else. `BLESS=1 cargo test -p faultless-cli --test cli golden`
//! writes the files anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex_lite::Regex;

use crate::fixtures::{empty_library, faultless, output, real_library};
use crate::pages::{Bytes, Holder};

/// No process has this id: pid_max is at most 2^22.
const NOBODY: u32 = 1 << 23;

/// A case is ready to be held against its file.
struct Case {
    /// the file; what stands before the first `.` is the subcommand
    name: &'static str,
    text: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Both outputs and the status of a command, as they are.
fn said(name: &'static str, command: &mut Command) -> Case {
    let done = output(command);
    let status = done.status.map_or("killed".into(), |status| status.to_string());
    Case { name, text: format!("{}--- standard error\n{}--- status #{status}\n", done.out, done.err) }
}

/// What differs between machines and runs: numbers become N, times lose their unit, columns their width, lines their
/// breaks, and places and the machine their names.
fn masked(text: &str, places: &[(&Path, &str)]) -> String {
    let mut text = text.to_owned();
    for (place, name) in places {
        text = text.replace(&*place.to_string_lossy(), name);
    }
    for (pattern, put) in [
        // what was wrapped
        (r"\n {6,}(\S)", " $1"),
        (r"(?m)^host .*$", "host  (the machine)"),
        (r"\b[0-9a-f]{16}\b", "N"),
        // not of a name (mlock2) or a rule (@1M)
        (r"(?m)(^|[\s(\[–±=,:/+])[0-9][0-9,]*(\.[0-9]+)?", "${1}N"),
        (r"N (KiB|MiB|GiB)\b", "N bytes"),
        (r"\b(N|wall|sys) (ns|us|µs|ms|s)\b", "$1 time"),
        (r"(\S) {2,}", "$1  "),
        (r" *\bN\b *", " N "),
        (r"(?m) +$", ""),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, put).into_owned();
    }
    text
}

/// Holds it against its file with what is unstable masked, or writes that.
fn hold(case: &Case, places: &[(&Path, &str)]) {
    hold_whole(&Case { name: case.name, text: masked(&case.text, places) });
}

/// Holds it against its file to the letter, or writes that.
fn hold_whole(case: &Case) {
    let found = &case.text;
    let path = folder().join(format!("{}.txt", case.name));
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; BLESS=1 writes it", path.display()));
    let differs = expected.lines().zip(found.lines()).enumerate().find(|(_, (a, b))| a != b);
    let first = differs.map(|(n, (a, b))| format!("line {}:\n  expected {a}\n  found    {b}\n", n + 1));
    assert!(expected == *found, "{}: {}in\n{found}", path.display(), first.unwrap_or_default());
}

#[test]
fn policies_are_listed_shown_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("site.rules"), "heap:huge\nmalloc@1M:huge\n").unwrap();
    fs::write(folder.path().join("bad.rules"), "heap:hug\n").unwrap();
    let ask = |words: &[&str]| {
        let mut command = faultless();
        command.arg("policy").args(words).current_dir(folder.path());
        command
    };
    hold_whole(&said("policy.list", &mut ask(&["list"])));
    hold_whole(&said("policy.show", &mut ask(&["show", "latency"])));
    hold_whole(&said("policy.check", &mut ask(&["check", "site.rules"])));
    hold_whole(&said("policy.check-refused", &mut ask(&["check", "bad.rules"])));
}

#[test]
fn a_run_says_what_it_would_do() {
    let mut command = faultless();
    command.args(["run", "--dry-run", "--policy", "throughput", "--lib"]).arg(empty_library()).args(["--", "true"]);
    hold(&said("run.dry-run", &mut command), &[(empty_library(), "LIBRARY")]);
}

#[test]
fn a_run_that_is_waited_for_prints_the_table_of_its_tree() {
    let Some(library) = real_library() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut command = faultless();
    command.args(["run", "--wait", "--rule", "file:leave", "--lib"]).arg(&library);
    command.env("FAULTLESS_PAGES", folder.path()).args(["--", "true"]);
    hold(&said("run.wait", &mut command), &[(folder.path(), "FOLDER")]);
}

#[test]
fn a_report_of_a_page_is_text_json_and_prometheus() {
    let folder = tempfile::tempdir().unwrap();
    let page = Bytes::new(NOBODY, 7, 1).save(folder.path());
    let places = [(folder.path(), "FOLDER")];
    hold(&said("report.text", faultless().arg("report").arg(&page)), &places);
    hold(&said("report.json", faultless().args(["report", "--json"]).arg(&page)), &places);
    hold(&said("report.prom", faultless().args(["report", "--prom"]).arg(&page)), &places);
}

#[test]
fn a_process_is_explained_and_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let Some(holder) = Holder::start(&[], Some(folder.path()), 7) else { return };
    let pid = holder.child.id().to_string();
    let mut off = faultless();
    off.args(["off", &pid]).env("FAULTLESS_PAGES", folder.path());
    hold(&said("off", &mut off), &[(folder.path(), "FOLDER")]);
}

#[test]
fn attaching_refuses_a_rule_that_works_from_inside_alone() {
    hold(&said("attach.refused", faultless().args(["attach", "1", "--rule", "heap:huge"])), &[]);
}

#[test]
fn a_service_gets_a_drop_in() {
    let mut command = faultless();
    command.args(["systemd", "redis", "--policy", "latency", "--lock-max", "2G", "--lib"]).arg(empty_library());
    let Case { name, text } = said("systemd", &mut command);
    hold_whole(&Case { name, text: text.replace(&*empty_library().to_string_lossy(), "LIBRARY") });
}

#[test]
fn both_files_are_installed() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = faultless();
    command.args(["install", "--lib"]).arg(empty_library()).arg(folder.path());
    let Case { name, text } = said("install", &mut command);
    hold_whole(&Case { name, text: text.replace(&*folder.path().to_string_lossy(), "FOLDER") });
}

#[test]
fn files_are_warmed_and_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data");
    fs::write(&file, vec![1; 1 << 20]).unwrap();
    let places = [(folder.path(), "FOLDER")];
    hold(&said("warm.read", faultless().arg("warm").arg(&file)), &places);
    hold(&said("warm.query", faultless().args(["warm", "--query"]).arg(&file)), &places);
}

#[test]
fn a_comparison_is_a_table_and_verdicts() {
    let mut command = faultless();
    command.args(["compare", "--warmup", "1", "--runs", "2", "--policy", "none", "--policy", "throughput", "--lib"]);
    command.arg(empty_library()).args(["--metric", "n:higher=n=([0-9]+)", "--", "echo", "n=7"]);
    hold(&said("compare", &mut command), &[]);
}

#[test]
fn a_program_without_memory_is_left_alone() {
    let mut command = faultless();
    command.args(["tune", "--warmup", "0", "--runs", "6", "--lib"]).arg(empty_library()).args(["--", "true"]);
    let Case { name, text } = said("tune", &mut command);
    // Whether `where` may look is the machine's to say, and what it sees of `true` too.
    let text = text.lines().filter(|line| !line.starts_with("where")).map(|line| format!("{line}\n")).collect();
    hold(&Case { name, text }, &[]);
}

#[test]
fn the_doctor_looks_at_everything_in_groups() {
    let mut command = faultless();
    command.arg("doctor").args(["--lib"]).arg(empty_library()).args(["--", "true"]);
    let text = said("doctor", &mut command).text;
    // What it finds is the machine's; what it looks at is ours.
    let looked = text.lines().filter_map(|line| match line.trim_start() {
        rest if rest.len() == line.len() => (!line.starts_with("---")).then(|| line.to_owned()),
        rest => {
            let rest = ["ok ", "warn ", "fail "].into_iter().find_map(|word| rest.strip_prefix(word))?.trim_start();
            Some(format!("  {}", rest.split("  ").next()?))
        }
    });
    let known = |line: &String| !line.contains(" ok, ") && !line.contains("readahead of");
    hold_whole(&Case { name: "doctor", text: looked.filter(known).map(|line| line + "\n").collect() });
}

#[test]
fn where_says_which_faults_it_saw() {
    let text = said("where", faultless().args(["where", "--", "true"])).text;
    if !text.contains(" seen in ") {
        return eprintln!("SKIP: no perf events here");
    }
    // The regions of `true` are the C library's to choose.
    let head: String = text.lines().take_while(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
    hold(&Case { name: "where", text: head }, &[]);
}

#[test]
fn top_and_metrics_show_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_holder) = Holder::start(&[], Some(folder.path()), 7) else { return };
    let ask = |words: &[&str]| {
        let mut command = faultless();
        command.args(words).env("FAULTLESS_PAGES", folder.path());
        command
    };
    let Case { name, text } = said("top", &mut ask(&["top", "--once", "--interval", "0.1"]));
    let text = text.lines().filter(|line| !line.starts_with("memory ")).map(|line| format!("{line}\n")).collect();
    hold(&Case { name, text }, &[]);
    hold(&said("metrics", &mut ask(&["metrics"])), &[]);
}

#[test]
fn completions_and_manuals_are_of_the_whole_command_line() {
    let completions = output(faultless().args(["completions", "fish"])).out;
    // The options are clap's to write down; the subcommands are ours to have.
    let verbs = completions.lines().filter(|line| line.contains("needs_command") && line.contains(" -a "));
    hold_whole(&Case { name: "completions", text: verbs.map(|line| format!("{line}\n")).collect() });
    let manual = output(faultless().arg("man")).out;
    let subcommands = manual.split(".SH SUBCOMMANDS").nth(1).unwrap_or_default();
    hold_whole(&Case { name: "man", text: subcommands.to_owned() });
}

#[test]
fn every_subcommand_has_a_case() {
    let help = output(faultless().arg("--help")).out;
    let listed = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    let verbs: BTreeSet<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let files = fs::read_dir(folder()).unwrap().flatten();
    let files: Vec<String> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    let has = |verb: &&&str| files.iter().any(|file| file.split('.').next() == Some(verb));
    let missing: Vec<_> = verbs.iter().filter(|verb| **verb != "help").filter(|verb| !has(verb)).collect();
    assert!(verbs.len() > 10 && missing.is_empty(), "no golden file for {missing:?}");
}
