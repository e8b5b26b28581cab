//! The two suites of `make test`, as criteria: the c-tests by their own harness, the programs with larger inputs.
//!
//! What must hold here: a suite that did not run to its end is a FAIL; what it skipped is a SKIP.

use std::process::Command;

use super::{Line, Sink};
use crate::artefacts::{library, policies, workspace};
use crate::programs;

/// How much larger than in `make test` the programs' inputs are.
const SIZE: u32 = 4;

/// Runs the c-tests' own harness and reads its summary.
pub fn c_tests(sink: Sink<'_>) {
    let (criterion, goal) = ("c-tests: one behaviour each, alone and under every policy", "all pass, none skipped");
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let done = Command::new(cargo)
        .args(["test", "-q", "--release", "-p", "faultless-integration", "--test", "c_tests"])
        .current_dir(workspace())
        .env("FAULTLESS_TEST_LIB", library())
        .output();
    let text = match done {
        Ok(done) => String::from_utf8_lossy(&done.stdout).into_owned(),
        Err(why) => return sink(Line::broken(criterion, goal, why.to_string())),
    };
    let Some(summary) = text.lines().rev().find_map(|l| l.strip_prefix("test result: ")) else {
        return sink(Line::broken(criterion, goal, "no summary: it did not run to its end"));
    };
    let count = |word: &str| -> u64 {
        let part = summary.split([';', '.']).find(|p| p.trim().ends_with(word));
        part.and_then(|p| p.split_whitespace().next()).and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    let (passed, failed, ignored) = (count("passed"), count("failed"), count("ignored"));
    let measured = format!("{passed} passed, {failed} failed, {ignored} skipped");
    let names: Vec<&str> = text.lines().skip_while(|l| *l != "failures:").filter(|l| l.contains("c-tests/")).collect();
    let note = names.first().map(|n| n.trim().to_owned()).unwrap_or_default();
    sink(match (passed, failed, ignored) {
        (1.., 0, 1..) => Line { measured, ..Line::skipped(criterion, goal, "make test names those which are skipped") },
        _ => Line::judged(criterion, goal, measured, passed > 0 && failed == 0).noted(note),
    });
}

/// Every job of `integration/jobs` under every policy.
pub fn programs(sink: Sink<'_>) {
    let all = policies();
    let goal = format!("{} policies, same bytes", all.len());
    let jobs = match programs::jobs() {
        Ok(jobs) => jobs,
        Err(why) => return sink(Line::broken("programs", &goal, why)),
    };
    for job in jobs {
        let criterion = format!("{}: the same exit status and output", job.name);
        if let Some(why) = job.missing() {
            sink(Line::skipped(&criterion, &goal, why));
            continue;
        }
        let failures: Vec<String> =
            all.iter().filter_map(|p| job.holds(p, SIZE).err().map(|why| format!("{p}: {why}"))).collect();
        let measured = format!("{} of {}", all.len() - failures.len(), all.len());
        let note = failures.first().cloned().unwrap_or_default();
        sink(Line::judged(&criterion, &goal, measured, failures.is_empty()).noted(note));
    }
}
