//! `make faults`: every kind of failure, or the parts named as arguments; a line each, and for each part a section
//! of docs/trust.md.
//!
//! What must hold here: the exit status is 1 when something fails or could not be tried, 2 when a part is unknown.

use std::process::ExitCode;

use faultless_integration::artefacts;
use faultless_integration::prove::{Line, Verdict};
use faultless_integration::trust::{PARTS, section};

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    if wanted.iter().any(|w| w == "--help") {
        println!("usage: faults [PART]...\nparts: {}", names.join(" "));
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) = wanted.iter().find(|w| !names.contains(&w.as_str())) {
        eprintln!("no part is named {unknown}; there are: {}", names.join(" "));
        return ExitCode::from(2);
    }
    for file in [artefacts::library(), artefacts::command()] {
        if !file.is_file() {
            eprintln!("{} is missing: make build", file.display());
            return ExitCode::from(2);
        }
    }
    let all: &[Verdict] = &[Verdict::Pass, Verdict::Fail, Verdict::Skip];
    let mut counts = [0; 3];
    // What was narrowed down says nothing of the whole.
    let is_whole = ["FAULTS_WORK", "FAULTS_CALL"].iter().all(|name| std::env::var_os(name).is_none());
    for (name, part) in PARTS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name)) {
        let mut lines: Vec<Line> = Vec::new();
        part(&mut |line| {
            println!("{line}");
            lines.push(line);
        });
        for (count, verdict) in counts.iter_mut().zip(all) {
            *count += lines.iter().filter(|line| line.verdict == *verdict).count();
        }
        let file = artefacts::workspace().join("docs/trust.md");
        if is_whole && let Err(why) = section::write(&file, &section::heading(name), &section::results(name, &lines)) {
            eprintln!("{}: {why}", file.display());
            return ExitCode::FAILURE;
        }
    }
    let [passed, failed, skipped] = counts;
    println!("{passed} passed, {failed} failed, {skipped} skipped (a skip proves nothing)");
    match failed + skipped {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
