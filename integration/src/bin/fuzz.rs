//! `make fuzz`: TARGET names some of the targets, SECONDS is the time for each, KEEP=1 adds to the project's corpora.
//!
//! What must hold here: as many targets at once as there are cores; each line is printed when it is known; the exit status
//! is 1 when an input failed, and 2 when a name is unknown; only a run of all targets for ten minutes writes results.

use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Duration;

use faultless_integration::artefacts::workspace;
use faultless_integration::bench::machine;
use faultless_integration::fuzz::{self, TARGETS};
use faultless_integration::prove::Verdict;
use faultless_integration::trust::section;

/// What the results are of.
const SECONDS: u64 = 600;

fn main() -> ExitCode {
    match fuzz() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("fuzz: {why}");
            ExitCode::from(2)
        }
    }
}

fn fuzz() -> Result<bool, String> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let (named, seconds) = (variable("TARGET"), variable("SECONDS"));
    let known = |word: &&str| TARGETS.iter().any(|(name, _)| name == word);
    if let Some(unknown) = named.split_whitespace().find(|word| !known(word)) {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no target is named {unknown}; there are: {}", names.join(" ")));
    }
    let seconds = match seconds.as_str() {
        "" => SECONDS,
        text => text.parse().ok().filter(|s| *s > 0).ok_or(format!("SECONDS={text} is no number of seconds"))?,
    };
    let chosen: Vec<_> = TARGETS
        .iter()
        .filter(|(name, _)| named.is_empty() || named.split_whitespace().any(|word| word == *name))
        .collect();
    println!("building {} targets, then {seconds} s for each, {} at a time", chosen.len(), machine::cores());
    fuzz::build()?;
    let (next, lines) = (Mutex::new(chosen.iter()), Mutex::new(vec![]));
    std::thread::scope(|scope| {
        for _ in 0..machine::cores() {
            scope.spawn(|| {
                while let Some((name, about)) = next.lock().ok().and_then(|mut n| n.next()) {
                    let line = fuzz::run(name, about, Duration::from_secs(seconds), variable("KEEP") == "1");
                    println!("{line}");
                    lines.lock().into_iter().for_each(|mut all| all.push((*name, line.to_string(), line.verdict)));
                }
            });
        }
    });
    let mut lines = lines.into_inner().map_err(|_| "a thread failed")?;
    lines.sort_by_key(|(name, ..)| TARGETS.iter().position(|(target, _)| target == name));
    let passed = lines.iter().filter(|(.., verdict)| *verdict == Verdict::Pass).count();
    println!("{passed} passed, {} failed", lines.len() - passed);
    if chosen.len() == TARGETS.len() && seconds >= SECONDS {
        results(&lines.iter().map(|(_, text, _)| text.clone()).collect::<Vec<_>>())?;
    }
    Ok(passed == chosen.len())
}

/// The section of docs/trust.md.
fn results(lines: &[String]) -> Result<(), String> {
    let today = Command::new("date").args(["-u", "+%F"]).output().map_err(|e| format!("date: {e}"))?;
    let body = format!(
        "{}: {SECONDS} s for each reader of bytes that others write, by libFuzzer from the corpora in integration/fuzz \
         (`make fuzz`), with overflow checks and debug assertions.\n\n```\n{}\n```",
        String::from_utf8_lossy(&today.stdout).trim(),
        lines.join("\n")
    );
    let file = workspace().join("docs/trust.md");
    section::write(&file, "Fuzzing", &body).map_err(|e| format!("{}: {e}", file.display()))
}
