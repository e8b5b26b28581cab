//! The brief's program: faults in the touch loop over 1 GiB.
//!
//! What must hold here: every one of the runs must meet the goal, not their median; the program itself counts, so
//! that faults of start-up and of our own populate are outside.

use std::path::Path;

use super::{Line, Sink, first_line};
use crate::artefacts::{compile, preload};
use crate::child::Run;
use crate::stats::median;

const RUNS: usize = 5;

/// Touches 1 GiB got by malloc and by mmap, alone and under the two policies.
pub fn prove(sink: Sink<'_>) {
    let Ok(scratch) = tempfile::tempdir() else { return sink(Line::broken("touch loop", "", "no temporary folder")) };
    let program = match compile("bench/touch.c", scratch.path()) {
        Ok(program) => program,
        Err(why) => return sink(Line::broken("touch loop", "", why)),
    };
    let thp = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    for by in ["malloc", "mmap"] {
        for (policy, goal) in [("throughput", 520.0), ("latency", 20.0)] {
            let criterion = format!("1 GiB by {by}, touched, under {policy}: minor faults");
            let words = format!("at most {goal}, {RUNS} of {RUNS}");
            if !thp.contains("[madvise]") && !thp.contains("[always]") {
                sink(Line::skipped(&criterion, &words, "transparent huge pages are never"));
                continue;
            }
            let runs = (0..RUNS).map(|_| touch(&program, by, Some(policy), scratch.path()));
            sink(match (runs.collect::<Result<Vec<_>, _>>(), touch(&program, by, None, scratch.path())) {
                (Ok(found), Ok(alone)) => {
                    let worst = found.iter().copied().fold(0.0, f64::max);
                    let measured = format!("{} [worst {worst}]", median(&found));
                    Line::judged(&criterion, &words, measured, worst <= goal).noted(format!("{alone} alone"))
                }
                (Err(why), _) | (_, Err(why)) => Line::broken(&criterion, &words, why),
            });
        }
    }
}

fn touch(program: &Path, by: &str, policy: Option<&str>, folder: &Path) -> Result<f64, String> {
    let env = policy.map(|p| preload(p, &folder.join("pages"))).unwrap_or_default();
    let ran = Run::new(folder, [&*program.to_string_lossy(), by]).env(env).run()?;
    let text = String::from_utf8_lossy(&ran.stdout);
    let line = text.lines().find(|l| l.starts_with("touch "));
    let faults = line.and_then(|l| l.split("faults=").nth(1)).and_then(|n| n.trim().parse().ok());
    faults.ok_or_else(|| format!("exit status {}: {}", ran.status, first_line(&ran.stderr)))
}
