//! `make prove`: measures every criterion, or the parts named as arguments, and prints a line each.
//!
//! What must hold here: the exit status is 1 when a criterion fails or could not be measured, and 2 when a part is
//! unknown; each line is printed when it is known.

use std::process::ExitCode;

use faultless_integration::artefacts;
use faultless_integration::prove::{Line, PARTS, Verdict, scene_names};
use faultless_integration::stage::settings;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.iter().any(|w| w == "--help") {
        help();
        return ExitCode::SUCCESS;
    }
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    if let Err(why) = known(&wanted, &names, "part").and_then(|()| known(&settings::rows(), &scene_names(), "scene")) {
        eprintln!("{why}");
        return ExitCode::from(2);
    }
    if let Err(why) = settings::rounds().map(drop).and_then(|()| settings::aheads().map(drop)) {
        eprintln!("{why}");
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
        match line.verdict {
            Verdict::Pass => passed += 1,
            Verdict::Fail => failed += 1,
            Verdict::Skip => skipped += 1,
        }
        println!("{line}");
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

fn known(words: &[String], names: &[&str], what: &str) -> Result<(), String> {
    match words.iter().find(|w| !names.contains(&w.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(format!("no {what} is named {unknown}; there are: {}", names.join(" "))),
    }
}

fn help() {
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    println!("usage: prove [PART]...\nA line for each criterion of every part, or of those named.\n");
    println!("parts: {}", names.join(" "));
    println!("scenes and rows of the parts `files`, `hot`, `compare` and `deploy`: {}\n", scene_names().join(" "));
    println!("{}", settings::HELP);
    println!("    FAULTLESS_TEST_LIB=PATH      the library, instead of target/release/libfaultless.so");
    println!("    FAULTLESS_TEST_COMMAND=PATH  the command, instead of target/release/faultless");
}
