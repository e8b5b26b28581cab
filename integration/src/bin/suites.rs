//! `make suites`: runs other people's test suites under every policy, prints a line for each, writes docs/trust.md.
//!
//! What must hold here: the exit status is 1 when a test differs or a suite could not be run, and 2 when what is asked
//! for does not exist; each suite's row is written as soon as it is known.

use std::process::ExitCode;

use faultless_integration::artefacts;
use faultless_integration::suites::{self, Report, SUITES, settings};

fn main() -> ExitCode {
    if std::env::args().len() > 1 {
        println!("usage: suites\nOther people's tests without the library and under every policy.\n");
        println!("suites: {}\n\n{}", SUITES.iter().map(|s| s.name()).collect::<Vec<_>>().join(" "), settings::HELP);
        return ExitCode::SUCCESS;
    }
    let wanted = match settings::read() {
        Ok(wanted) => wanted,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    if !artefacts::library().is_file() {
        eprintln!("{} is missing: make build", artefacts::library().display());
        return ExitCode::from(2);
    }
    let mut good = true;
    for suite in SUITES.iter().filter(|s| wanted.suites.contains(&s.name())) {
        match suites::run(*suite, &wanted) {
            Ok(report) => {
                good &= show(&report);
                if wanted.whole
                    && let Err(why) = suites::write(&artefacts::workspace().join("docs/trust.md"), &[report])
                {
                    eprintln!("docs/trust.md: {why}");
                    good = false;
                }
            }
            Err(why) => {
                println!("SKIP  {:<34}  {why}", suite.name());
                good = false;
            }
        }
    }
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Prints a line for each policy; true when all of them hold.
fn show(report: &Report) -> bool {
    let mut good = true;
    for c in &report.compared {
        let holds = c.differences.is_empty() && c.compared > 0 && c.reached > 0;
        good &= holds;
        let word = if holds { "PASS" } else { "FAIL" };
        let what = format!("{} [{}]", report.suite, c.policy);
        let differ = format!("{} of {} compared, {} differ", c.compared, c.tests, c.differences.len());
        println!("{word}  {what:<34}  {differ}; in {} processes; {}", c.reached, report.what);
        c.differences.iter().for_each(|d| println!("      {d}"));
        c.once.iter().for_each(|d| println!("      once, and not in three further runs: {d}"));
    }
    good
}
