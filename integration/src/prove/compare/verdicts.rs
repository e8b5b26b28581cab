//! What verdicts are worth on this machine: contenders that are alike, and one that takes a twentieth longer.
//!
//! What must hold here: the truth is known, because the program counts its work; both contenders have the library and a
//! rule which leaves everything, so that they differ in nothing else.

use super::table::{built, compare, scratch};
use crate::prove::{Line, Sink};
use crate::stage::settings;
use crate::stats::median;

/// Comparisons of each sort.
const COMPARISONS: usize = 40;
/// Rounds of each.
const RUNS: &str = "30";
/// The noise for which the promise is made: the standard deviation as a share, as in the simulation.
const NOISE: f64 = 0.03;
/// Steps of the program, in millions: about 20 ms, so that a start of 1 ms dilutes the twentieth little.
const WORK: &str = "16";
const SIMULATED: &str = "10,000 with recorded noise: src/cli/src/compare/statistics/tests.rs";

const ALIKE: [&str; 4] = ["--rules", "stack:leave", "--rules", "stack:leave"];
const SLOWER: [&str; 4] = ["--rules", "stack:leave", "--rules", "text:leave"];

/// Identical policies.
pub fn alike(sink: Sink<'_>) -> Result<(), String> {
    let found = Found::of(&ALIKE, "stack:leave #2", "0")?;
    let most = found.comparisons / 20;
    let line = Line::judged(
        "compare: identical policies called different, live",
        &format!("at most {most} of {}", found.comparisons),
        format!("{} of {}", found.different, found.comparisons),
        found.different <= most,
    );
    sink(line.noted(format!("{RUNS} runs each; {}; {SIMULATED}", found.noise())));
    Ok(())
}

/// A slow-down by 5 %.
pub fn slower(sink: Sink<'_>) -> Result<(), String> {
    let (criterion, goal) = ("compare: a slow-down by 5 % seen, live", "at least 90 %");
    let found = Found::of(&SLOWER, "text:leave", "50")?;
    let share = found.slower as f64 / found.comparisons as f64;
    let measured = format!("{} of {}", found.slower, found.comparisons);
    let note = format!("{RUNS} runs each; {}; {SIMULATED}", found.noise());
    sink(match share < 0.9 && median(&found.noises) > NOISE {
        true => Line::skipped(criterion, goal, format!("{measured}, but noisier than the 3 % of the promise; {note}")),
        false => Line::judged(criterion, goal, measured, share >= 0.9).noted(note),
    });
    Ok(())
}

struct Found {
    comparisons: usize,
    different: usize,
    slower: usize,
    /// of the first contender, in each comparison
    noises: Vec<f64>,
}

impl Found {
    fn of(contenders: &[&str], other: &str, slower: &str) -> Result<Found, String> {
        let folder = scratch()?;
        let argv = [built("integration/fixtures/spin.c", folder.path())?, WORK.into(), slower.into()];
        let comparisons = settings::rounds()?.unwrap_or(COMPARISONS);
        let mut found = Found { comparisons, different: 0, slower: 0, noises: vec![] };
        let flags: Vec<&str> = [&["--warmup", "1", "--runs", RUNS], contenders].concat();
        for _ in 0..comparisons {
            let table = compare(folder.path(), &flags, &argv)?;
            let verdict = table.verdict(other)?;
            found.different += usize::from(!verdict.starts_with("no difference"));
            found.slower += usize::from(verdict.starts_with("SLOWER"));
            found.noises.push(deviation(&table.values("stack:leave", "wall_s")));
        }
        Ok(found)
    }

    fn noise(&self) -> String {
        format!("noise {:.1} %", median(&self.noises) * 100.0)
    }
}

/// The standard deviation as a share, by the middle half (of a normal distribution it is 1.349 of them wide).
fn deviation(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted.get((share * (sorted.len() as f64 - 1.0)).round() as usize).copied().unwrap_or(0.0);
    (at(0.75) - at(0.25)) / 1.349 / at(0.5)
}
