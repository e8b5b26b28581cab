//! The table of docs/trust.md: a row for each suite, with the differences under each policy.
//!
//! What must hold here: rows of suites that were not run stay as they are.

use std::path::Path;
use std::process::Command;

use super::{Report, SUITES};
use crate::artefacts::{policies, workspace};
use crate::trust::section;

const HEADING: &str = "Suites";
const INTRO: &str = "\
Other people's tests, as they are, without the library (three times) and under every built-in policy and one that turns
everything on. Compared is what came to the same thing in every run without, and what the suite itself did not leave out;
the numbers under the policies are tests that came to something else. `make suites` writes this.
";

/// Puts the rows of `reports` into the table of `file`.
pub fn write(file: &Path, reports: &[Report]) -> std::io::Result<()> {
    let old = std::fs::read_to_string(file).unwrap_or_default();
    section::write(file, HEADING, &body(&old, reports, &stamp()))
}

fn body(old: &str, reports: &[Report], stamp: &str) -> String {
    let names = policies();
    let mut body = format!("{INTRO}\n| suite | what | when | tests | compared | {} |\n", names.join(" | "));
    body.push_str(&format!("|{}\n", "---|".repeat(5 + names.len())));
    for suite in SUITES {
        let lead = format!("| {} |", suite.name());
        match reports.iter().find(|r| r.suite == suite.name()) {
            Some(report) => body.push_str(&row(report, stamp)),
            None => old.lines().filter(|l| l.starts_with(&lead)).for_each(|l| body.push_str(&format!("{l}\n"))),
        }
    }
    body
}

fn row(report: &Report, stamp: &str) -> String {
    let (tests, compared) = report.compared.first().map_or((0, 0), |c| (c.tests, c.compared));
    let cells: Vec<String> = report.compared.iter().map(|c| c.differences.len().to_string()).collect();
    format!("| {} | {} | {stamp} | {tests} | {compared} | {} |\n", report.suite, report.what, cells.join(" | "))
}

/// Today, and the commit that was tested; what this writes itself makes no other program of it.
fn stamp() -> String {
    let said = |argv: &[&str]| {
        let done = Command::new(argv[0]).args(&argv[1..]).current_dir(workspace()).output().ok()?;
        done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
    };
    let date = said(&["date", "+%Y-%m-%d"]).unwrap_or_else(|| "unknown".into());
    let changed = ["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/trust.md"];
    let dirty = if said(&changed).is_some_and(|files| !files.is_empty()) { "-dirty" } else { "" };
    match said(&["git", "rev-parse", "--short", "HEAD"]) {
        Some(commit) => format!("{date}, {commit}{dirty}"),
        None => date,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_suites_that_were_not_run_stay() {
        let name = SUITES[0].name();
        let old = format!("| {name} | a | then | 1 | 1 | 0 |\n| gone | a | then | 1 | 1 | 0 |\n");
        let new = body(&old, &[], "now");
        assert!(new.contains(&format!("| {name} | a | then |")) && !new.contains("gone"));
        let report = Report { suite: name, what: "b".into(), compared: vec![] };
        assert!(body(&old, &[report], "now").contains(&format!("| {name} | b | now |")));
    }
}
