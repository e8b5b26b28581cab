//! What a hook costs in system calls: those of many rounds of one call, less those of the program alone.
//!
//! What must hold here: two lengths of one loop are counted and their difference divided, so that start-up and exit
//! drop out; nothing is timed.

use std::path::Path;

use super::{Line, Sink, first_line};
use crate::artefacts::{compile, preload, present};
use crate::child::Run;

/// Rounds in the shorter loop, and how many more in the longer one.
const ROUNDS: u64 = 200;
const MORE: f64 = 1000.0;

/// What integration/fixtures/hooks.c does a round, a policy, and the most calls that it may add. A round of mmap is a pair with
/// munmap, one of malloc with free, one of open with close; one of two of mprotect makes memory writable.
const ROWS: &[(&str, &str, f64)] = &[
    // getpid, which tells a vfork child, and nothing else
    ("mmap-large", "observe", 2.0),
    ("mmap-small", "observe", 2.0),
    ("madvise", "observe", 1.0),
    ("mprotect", "observe", 0.0),
    ("malloc-small", "observe", 0.0),
    ("malloc-large", "observe", 0.0),
    ("open", "observe", 0.0),
    // the advice; coverage before it goes, now and then
    ("mmap-large", "throughput", 5.2),
    ("mmap-small", "throughput", 4.0),
    ("madvise", "throughput", 1.0),
    ("mprotect", "throughput", 0.5),
    ("malloc-small", "throughput", 0.0),
    ("malloc-large", "throughput", 2.2),
    ("open", "throughput", 0.0),
];
/// Calls that come now and then, such as a sample of the huge pages, spread over the rounds.
const NOW_AND_THEN: f64 = 0.1;

/// A line for each row.
pub fn prove(sink: Sink<'_>) {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string());
    let built = scratch.and_then(|s| Ok((compile("integration/fixtures/hooks.c", s.path())?, s)));
    for (what, policy, most) in ROWS {
        let criterion = format!("hooks: system calls added by {what} under {policy}");
        let goal = format!("at most {most} a round");
        sink(match &built {
            _ if !present("strace") => Line::skipped(&criterion, &goal, "no strace; apt-get install strace"),
            Err(why) => Line::broken(&criterion, &goal, why.clone()),
            Ok((program, folder)) => {
                let slope = |policy| slope(program, folder.path(), what, policy);
                match slope(None).and_then(|alone| Ok((alone, slope(Some(policy))?))) {
                    Ok((alone, under)) => {
                        let added = under - alone;
                        let met = added <= most + NOW_AND_THEN;
                        Line::judged(&criterion, &goal, format!("{added:.2}"), met).noted(format!("alone {alone:.2}"))
                    }
                    Err(why) => Line::broken(&criterion, &goal, why),
                }
            }
        });
    }
}

fn slope(program: &Path, folder: &Path, what: &str, policy: Option<&str>) -> Result<f64, String> {
    let calls = |rounds| calls(program, folder, what, rounds, policy);
    Ok((calls(ROUNDS + MORE as u64)? - calls(ROUNDS)?) / MORE)
}

/// System calls of a whole run.
fn calls(program: &Path, folder: &Path, what: &str, rounds: u64, policy: Option<&str>) -> Result<f64, String> {
    let counts = folder.join("counts");
    let mut argv: Vec<String> = ["strace", "-f", "-c", "-U", "calls,name", "-o"].map(str::to_owned).into();
    argv.push(counts.to_string_lossy().into_owned());
    for (name, value) in policy.map(|p| preload(p, &folder.join("pages"))).unwrap_or_default() {
        argv.extend(["-E".to_owned(), format!("{name}={value}")]);
    }
    argv.extend([program.to_string_lossy().into_owned(), what.to_owned(), rounds.to_string()]);
    let ran = Run::new(folder, argv).run()?;
    if ran.status != 0 {
        return Err(format!("exit status {}: {}", ran.status, first_line(&ran.stderr)));
    }
    let text = std::fs::read_to_string(&counts).map_err(|e| e.to_string())?;
    let total = text.lines().find_map(|l| l.strip_suffix("total")?.trim().parse().ok());
    total.ok_or_else(|| "strace counted nothing".into())
}
