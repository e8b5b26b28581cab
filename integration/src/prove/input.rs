//! Bad input: the command refuses and points at it; the bare shim says one line and the program runs unchanged.
//!
//! What must hold here: each error of the grammar has a row; a row that is no error would show as a FAIL.

use std::path::Path;

use super::{Line, Sink, first_line};
use crate::artefacts::{command, library};
use crate::child::{Ran, Run};

/// (what is wrong, the variable, its value).
fn table() -> Vec<(&'static str, &'static str, String)> {
    let rules = [
        ("two actions on one axis", "anon@2M:huge+nohuge"),
        ("leave beside another action", "anon@2M:leave+huge"),
        ("an action that the kind lacks", "heap:random"),
        ("a trailing comma", "heap:huge,"),
        ("a doubled comma", "heap:huge,,anon@2M:huge"),
        ("a bound on heap", "heap@1M:huge"),
        ("a bound on text", "text@1M:lock"),
        ("a path on a kind without files", "anon=/data/x:huge"),
        ("an unknown kind", "mallok@1M:huge"),
        ("an unknown action", "malloc@1M:hgue"),
        ("an unknown word", "anon@2M:huge=thq"),
        ("a missing colon", "anon@2M"),
        ("a missing action", "anon@2M:"),
        ("a bad size", "anon@1Q:huge"),
        ("a size that overflows", "anon@99999999999T:huge"),
        ("bounds the wrong way round", "anon@4M..2M:huge"),
        ("offsets the wrong way round", "file=/data/x:populate=2M..1M"),
        ("a byte that no path may have", "file=/data/a&b:lock"),
        ("a path that begins with neither / nor *", "file=data/x:lock"),
        ("a size where there is none", "file@2M:random=4M"),
        ("a malloc bound under 64K", "malloc@4K:huge"),
        ("a blank", "heap:huge, anon@2M:huge"),
    ];
    let mut rows: Vec<_> = rules.map(|(what, rule)| (what, "FAULTLESS_RULES", rule.to_owned())).into();
    rows.push(("more rules than a policy may have", "FAULTLESS_RULES", vec!["anon@2M:huge"; 33].join(",")));
    rows.push(("more text than a policy may have", "FAULTLESS_RULES", format!("file=/{}:lock", "x".repeat(5000))));
    rows.push(("an unknown policy", "FAULTLESS_POLICY", "throughputt".into()));
    rows.push(("a policy file that isn't there", "FAULTLESS_POLICY", "/no/such/policy".into()));
    rows.push(("a policy file that can't be read", "FAULTLESS_POLICY", "/".into()));
    rows.push(("an option that overflows", "FAULTLESS_LOCK_MAX", "99999999999T".into()));
    rows.push(("an option that is no size", "FAULTLESS_RETAIN_MAX", "much".into()));
    rows.push(("an option that is no time", "FAULTLESS_POPULATE_TIME_MAX", "10".into()));
    rows
}

/// Every row through the command and through the bare shim.
pub fn prove(sink: Sink<'_>) {
    let Ok(scratch) = tempfile::tempdir() else { return sink(Line::broken("bad input", "", "no temporary folder")) };
    let rows = table();
    let refused = "exit 2 and a caret";
    let goes_on = "one line, unchanged";
    let alone = run(scratch.path(), false, None);
    let (mut by_command, mut by_shim) = (vec![], vec![]);
    for (what, name, value) in &rows {
        match cli(scratch.path(), name, value) {
            Ok(ran) if ran.status == 2 && points(&ran.stderr) && ran.stdout.is_empty() => {}
            Ok(ran) => by_command.push(format!("{what}: exit {}, {:?}", ran.status, first_line(&ran.stderr))),
            Err(why) => by_command.push(format!("{what}: {why}")),
        }
        match (&alone, run(scratch.path(), true, Some((name, value)))) {
            (Ok(alone), Ok(ran)) if unchanged(&ran, alone) && lines(&ran.stderr) == 1 && ours(&ran.stderr) => {}
            (_, Ok(ran)) => {
                by_shim.push(format!("{what}: {} lines, {:?}", lines(&ran.stderr), first_line(&ran.stderr)))
            }
            (_, Err(why)) => by_shim.push(format!("{what}: {why}")),
        }
    }
    let all = rows.len();
    for (who, goal, wrong) in [("the command", refused, by_command), ("the bare shim", goes_on, by_shim)] {
        let line = Line::judged(
            &format!("bad input, {who}: {all} kinds"),
            goal,
            format!("{} of {all}", all - wrong.len()),
            wrong.is_empty(),
        );
        sink(line.noted(wrong.first().cloned().unwrap_or_default()));
    }
    sink(spelling(scratch.path()));
    sink(unknown_name(scratch.path(), &alone));
}

/// The nearest right spelling is offered for a kind, an action and a policy.
fn spelling(folder: &Path) -> Line {
    let rows = [
        ("FAULTLESS_RULES", "mallok@1M:huge", "malloc"),
        ("FAULTLESS_RULES", "malloc@1M:hgue", "huge"),
        ("FAULTLESS_POLICY", "throughputt", "throughput"),
    ];
    let right = |(name, value, nearest): &&(&str, &str, &str)| {
        let said =
            cli(folder, name, value).map(|r| String::from_utf8_lossy(&r.stderr).replace(value, "")).unwrap_or_default();
        said.contains(nearest)
    };
    let found = rows.iter().filter(right).count();
    Line::judged("bad input: the nearest right spelling is offered", "3 of 3", format!("{found} of 3"), found == 3)
}

fn unknown_name(folder: &Path, alone: &Result<Ran, String>) -> Line {
    let (criterion, goal) = ("an unknown FAULTLESS_ name only warns", "command warns, shim silent");
    let (name, value) = ("FAULTLESS_POLICI", "latency");
    match (alone.clone(), cli(folder, name, value), run(folder, true, Some((name, value)))) {
        (Ok(alone), Ok(cli), Ok(bare)) => {
            let warned = String::from_utf8_lossy(&cli.stderr).contains("FAULTLESS_POLICY");
            let measured =
                format!("command {}, shim {} lines", if warned { "warns" } else { "silent" }, lines(&bare.stderr));
            let same = unchanged(&cli, &alone) && unchanged(&bare, &alone);
            Line::judged(criterion, goal, measured, warned && same && bare.stderr.is_empty())
        }
        (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => Line::broken(criterion, goal, why),
    }
}

/// The program that runs in all of this: it prints a line and exits with 3.
const PROGRAM: [&str; 3] = ["/bin/sh", "-c", "echo hello; exit 3"];

fn cli(folder: &Path, name: &str, value: &str) -> Result<Ran, String> {
    let command = command().to_string_lossy().into_owned();
    let library = library().to_string_lossy().into_owned();
    let argv = [&command, "run", "--lib", &library, "--"].into_iter().chain(PROGRAM);
    Run::new(folder, argv).env(variables(folder, Some((name, value)))).run()
}

fn run(folder: &Path, under: bool, variable: Option<(&str, &str)>) -> Result<Ran, String> {
    let preload = under.then(|| ("LD_PRELOAD".to_owned(), library().to_string_lossy().into_owned()));
    Run::new(folder, PROGRAM).env(preload).env(variables(folder, variable)).run()
}

fn variables(folder: &Path, variable: Option<(&str, &str)>) -> Vec<(String, String)> {
    let pages = ("FAULTLESS_PAGES".to_owned(), folder.join("pages").to_string_lossy().into_owned());
    variable.map(|(n, v)| (n.to_owned(), v.to_owned())).into_iter().chain([pages]).collect()
}

fn unchanged(ran: &Ran, alone: &Ran) -> bool {
    ran.status == alone.status && ran.stdout == alone.stdout
}

fn lines(bytes: &[u8]) -> usize {
    bytes.split_inclusive(|b| *b == b'\n').count()
}

fn ours(bytes: &[u8]) -> bool {
    bytes.starts_with(b"faultless")
}

/// A line of carets under the fault.
fn points(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    text.lines().any(|l| l.contains('^') && l.chars().all(|c| matches!(c, '^' | ' ' | '|')))
}
