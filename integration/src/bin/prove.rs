//! `make prove`: measures every criterion, or the parts named as arguments, and prints a line each.
//!
//! What must hold here: the exit status is 1 when a criterion fails or could not be measured, and 2 when a part is
//! unknown; each line is printed when it is known.

use std::process::ExitCode;

use faultless_integration::artefacts;
use faultless_integration::prove::{Line, PARTS, Verdict};

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|w| PARTS.iter().all(|(name, _)| name != w)) {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        eprintln!("no part is named {unknown}; there are: {}", names.join(" "));
        return ExitCode::from(2);
    }
    for file in [artefacts::library(), artefacts::command()] {
        if !file.is_file() {
            eprintln!("{} is missing: make build", file.display());
            return ExitCode::from(2);
        }
    }
    println!("{:<4}  {:<62}  {:<30}  {:<34}  note", "", "criterion", "goal", "measured");
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut show = |line: Line| {
        let word = match line.verdict {
            Verdict::Pass => (passed += 1, "PASS").1,
            Verdict::Fail => (failed += 1, "FAIL").1,
            Verdict::Skip => (skipped += 1, "SKIP").1,
        };
        let note = if line.note.is_empty() { String::new() } else { format!("({})", line.note) };
        let text = format!("{word}  {:<62}  {:<30}  {:<34}  {note}", line.criterion, line.goal, line.measured);
        println!("{}", text.trim_end());
    };
    for (name, part) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            part(&mut show);
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped (a skip proves nothing)");
    match failed + skipped {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
