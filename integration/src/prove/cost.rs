//! The small path: how many instructions the shim adds to malloc(64) and to free, counted by callgrind.
//!
//! What must hold here: two lengths of one loop are counted and their difference divided, so that start-up and exit
//! drop out; the rule set is one that interposes malloc.

use std::path::Path;

use super::{Line, Sink, first_line};
use crate::artefacts::{compile, preload, present};
use crate::child::Run;

/// Calls in the shorter loop; the longer one makes twice as many.
const CALLS: f64 = 500_000.0;

/// Counts a malloc that is kept and a pair of malloc and free.
pub fn prove(sink: Sink<'_>) {
    let malloc = ("small path: instructions added to malloc(64)", "at most 6");
    let free = ("small path: instructions added to free", "at most 5");
    if !present("valgrind") {
        for (criterion, goal) in [malloc, free] {
            sink(Line::skipped(criterion, goal, "no valgrind; apt-get install valgrind"));
        }
        return;
    }
    match count() {
        Err(why) => {
            sink(Line::broken(malloc.0, malloc.1, why.clone()));
            sink(Line::broken(free.0, free.1, why));
        }
        Ok([kept, pair]) => {
            let (m, f) = (kept.1 - kept.0, (pair.1 - pair.0) - (kept.1 - kept.0));
            let note = format!("kept {:.2} to {:.2}, pair {:.2} to {:.2}", kept.0, kept.1, pair.0, pair.1);
            sink(Line::judged(malloc.0, malloc.1, format!("{:.2}", rounded(m)), m <= 6.05).noted(note));
            sink(
                Line::judged(free.0, free.1, format!("{:.2}", rounded(f)), f <= 5.05)
                    .noted("the pair's, less malloc's"),
            );
        }
    }
}

/// To hundredths, without the sign of a zero.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0 + 0.0
}

/// (alone, under the shim) instructions of one round, of `kept` and of `pairs`.
fn count() -> Result<[(f64, f64); 2], String> {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let program = compile("integration/fixtures/small.c", scratch.path())?;
    let one = |mode| {
        let slope = |under| {
            let short = instructions(&program, scratch.path(), mode, CALLS, under)?;
            let long = instructions(&program, scratch.path(), mode, 2.0 * CALLS, under)?;
            Ok::<f64, String>((long - short) / CALLS)
        };
        Ok::<_, String>((slope(false)?, slope(true)?))
    };
    Ok([one("kept")?, one("pairs")?])
}

fn instructions(program: &Path, folder: &Path, mode: &str, calls: f64, under: bool) -> Result<f64, String> {
    let program = program.to_string_lossy();
    let calls = format!("{calls}");
    let argv = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", &program, mode, &calls];
    let env = if under { preload("throughput", &folder.join("pages")) } else { vec![] };
    let ran = Run::new(folder, argv).env(env).run()?;
    let said = String::from_utf8_lossy(&ran.stderr);
    let line = said.lines().find_map(|l| l.split("Collected : ").nth(1));
    let number = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse().ok());
    match ran.status {
        0 => number.ok_or_else(|| format!("no count: {}", first_line(&ran.stderr))),
        status => Err(format!("exit status {status}: {}", first_line(&ran.stderr))),
    }
}
