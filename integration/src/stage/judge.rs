//! Judges what a scene came to.
//!
//! What must hold here: a ratio is paired by round and passes by the end of its interval that is worse for us, within
//! 1.05 of the goal; what could not be compared because a peer is missing is a SKIP, never a PASS.

use super::scene::Played;
use crate::bench::ratio::{Ratio, paired};
use crate::prove::Line;

/// Noise that a ratio may have.
const MARGIN: f64 = 1.05;

/// One thing that must come of a scene: contender, who it is compared with, figure, how much.
pub enum Goal {
    /// at least so many times the other's
    Least(&'static str, &'static str, &'static str, f64),
    /// at most so many times the other's
    Most(&'static str, &'static str, &'static str, f64),
    /// not slower than so many times the other, by a figure that is a cost: the interval reaches down to that, and the
    /// median is no more than noise away from it
    NotSlower(&'static str, &'static str, &'static str, f64),
    /// at most so many times that of the best of several, by a figure that is a cost
    MostOfBest(&'static str, &'static [&'static str], &'static str, f64),
    /// at most so much
    Below(&'static str, &'static str, f64),
    /// at least so much
    Above(&'static str, &'static str, f64),
    /// the same in every round
    Same(&'static str, &'static str, &'static str),
    /// nothing is asked of it: it is shown
    Shown(&'static str, &'static str),
}

use Goal::{Above, Below, Least, Most, MostOfBest, NotSlower, Same, Shown};

impl Goal {
    fn who(&self) -> &'static str {
        match self {
            Least(w, ..) | Most(w, ..) | NotSlower(w, ..) | MostOfBest(w, ..) => w,
            Below(w, ..) | Above(w, ..) | Same(w, ..) | Shown(w, _) => w,
        }
    }

    fn figure(&self) -> &'static str {
        match self {
            Least(.., f, _) | Most(.., f, _) | MostOfBest(.., f, _) | NotSlower(.., f, _) => f,
            Same(.., f) | Shown(_, f) | Below(_, f, _) | Above(_, f, _) => f,
        }
    }

    fn text(&self) -> String {
        let figure = self.figure();
        match self {
            Least(_, by, _, n) => format!("{figure} ≥ {n} × {by}"),
            Most(_, by, _, n) if *n < 0.9 => format!("{figure} ≤ 1/{:.0} × {by}", 1.0 / n),
            Most(_, by, _, n) => format!("{figure} ≤ {n} × {by}"),
            NotSlower(_, by, _, n) if *n > 1.0 => format!("{figure} not above {n:.3} × {by}"),
            NotSlower(_, by, ..) => format!("{figure} not above {by}"),
            MostOfBest(_, _, _, n) => format!("{figure} ≤ {n:.2} × the best fixed"),
            Below(_, _, n) => format!("{figure} ≤ {}", shown(figure, *n)),
            Above(_, _, n) => format!("{figure} ≥ {}", shown(figure, *n)),
            Same(_, by, _) => format!("{figure} as {by}"),
            Shown(..) => format!("{figure} is shown"),
        }
    }
}

/// The line of a goal.
pub fn judge(played: &Played, goal: &Goal, title: &str) -> Line {
    let criterion = format!("{title}: {}", goal.who());
    let text = goal.text();
    // who the others are compared with can't fail for our sake: without it the scene can't be had here
    let reference = played.entries.first().filter(|e| e.contender != goal.who());
    if let Some((who, why)) = reference.and_then(|e| Some((e.contender, e.failed.as_ref()?))) {
        return Line::skipped(&criterion, &text, format!("{who}: {why}"));
    }
    let ours = match played.values(goal.who(), goal.figure()) {
        Ok(values) => values,
        Err(why) => return Line::broken(&criterion, &text, why),
    };
    let (met, measured) = match against(played, goal, &ours) {
        Ok(found) => found,
        Err(why) => return Line::skipped(&criterion, &text, why),
    };
    Line::judged(&criterion, &text, measured, met).noted(medians(played, goal.figure()))
}

fn against(played: &Played, goal: &Goal, ours: &[f64]) -> Result<(bool, String), String> {
    let figure = goal.figure();
    let ratio = |by: &str| {
        let theirs = played.values(by, figure)?;
        paired(ours, &theirs).ok_or(format!("{by} has {figure} 0"))
    };
    let judged = |found: Ratio, met: fn(&Ratio, f64) -> bool, n: f64| (met(&found, n), found.to_string());
    let at_most: fn(&Ratio, f64) -> bool = |r, n| r.high <= n * MARGIN;
    Ok(match goal {
        Least(_, by, _, n) => judged(ratio(by)?, |r, n| r.low >= n / MARGIN, *n),
        Most(_, by, _, n) => judged(ratio(by)?, at_most, *n),
        NotSlower(_, by, _, n) => judged(ratio(by)?, |r, n| r.low <= n && r.median <= n * MARGIN, *n),
        MostOfBest(_, all, _, n) => {
            let medians = all.iter().filter_map(|c| Some((played.median(c, figure)?, *c)));
            let best = medians.min_by(|a, b| a.0.total_cmp(&b.0)).ok_or("none of them ran")?.1;
            let (met, text) = judged(ratio(best)?, at_most, *n);
            (met, format!("{text} {best}"))
        }
        Below(_, _, n) => absolute(ours, figure, |v| v.high <= *n),
        Above(_, _, n) => absolute(ours, figure, |v| v.low >= *n),
        Shown(..) => absolute(ours, figure, |_| true),
        Same(_, by, _) => {
            let theirs = played.values(by, figure)?;
            let same = ours.iter().zip(&theirs).filter(|(a, b)| a == b).count();
            (same == ours.len() && same == theirs.len(), format!("{same} of {}", ours.len()))
        }
    })
}

/// A median with its interval, as a ratio to 1.
fn absolute(values: &[f64], figure: &str, met: impl Fn(&Ratio) -> bool) -> (bool, String) {
    match paired(values, &vec![1.0; values.len()]) {
        None => (false, "-".into()),
        Some(v) => {
            let text = [v.median, v.low, v.high].map(|v| shown(figure, v));
            (met(&v), format!("{} [{}, {}]", text[0], text[1], text[2]))
        }
    }
}

/// Everybody's median.
fn medians(played: &Played, figure: &str) -> String {
    let one = |contender: &str| Some(format!("{contender} {}", shown(figure, played.median(contender, figure)?)));
    played.entries.iter().filter_map(|e| one(e.contender)).collect::<Vec<_>>().join(", ")
}

/// A figure in the unit that its name stands for.
fn shown(figure: &str, value: f64) -> String {
    match figure {
        "p50" | "p99" | "p999" | "slowest" => format!("{:.0} µs", value / 1e3),
        "cost" => format!("{:.2} µs", value * 1e6),
        "read_bytes" => format!("{:.0} MB", value / 1e6),
        "left" | "missing" | "ours" => format!("{value:.1} MiB"),
        "rate" => format!("{value:.0}/s"),
        "seconds" | "wall" => format!("{value:.3} s"),
        _ if value < 10.0 => format!("{value:.3}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Entry;
    use super::*;
    use crate::prove::Verdict;

    fn entry(contender: &'static str, rates: &[f64]) -> Entry {
        let samples = rates.iter().map(|r| [("rate".to_owned(), *r)].into()).collect();
        Entry { contender, samples, failed: None }
    }

    fn verdict(played: &Played, goal: Goal) -> Verdict {
        judge(played, &goal, "a scene").verdict
    }

    #[test]
    fn a_goal_passes_by_the_worse_end_of_the_interval() {
        let played = Played { entries: vec![entry("alone", &[1.0; 5]), entry("ours", &[2.9, 3.1, 3.2, 3.3, 3.4])] };
        assert_eq!(verdict(&played, Least("ours", "alone", "rate", 3.0)), Verdict::Pass);
        assert_eq!(verdict(&played, Least("ours", "alone", "rate", 3.2)), Verdict::Fail);
        assert_eq!(verdict(&played, Most("ours", "alone", "rate", 3.2)), Verdict::Fail);
        assert_eq!(verdict(&played, Below("ours", "rate", 3.3)), Verdict::Fail);
    }

    #[test]
    fn so_much_noise_that_the_interval_holds_1_does_not_make_a_slow_one_fast() {
        let rates = |rates: &[f64]| Played { entries: vec![entry("alone", &[1.0; 5]), entry("ours", rates)] };
        let goal = || NotSlower("ours", "alone", "rate", 1.0);
        assert_eq!(verdict(&rates(&[0.6, 0.9, 1.02, 1.1, 1.4]), goal()), Verdict::Pass);
        assert_eq!(verdict(&rates(&[0.6, 0.9, 1.2, 1.3, 1.4]), goal()), Verdict::Fail);
        assert_eq!(verdict(&rates(&[1.01, 1.02, 1.02, 1.03, 1.03]), goal()), Verdict::Fail);
    }

    #[test]
    fn a_peer_that_is_missing_is_a_skip_and_we_that_failed_a_fail() {
        let entries = vec![entry("alone", &[1.0; 5]), entry("peer", &[1.0; 5]), entry("ours", &[9.0; 5])];
        let mut played = Played { entries };
        played.entries[1].failed = Some("not there".into());
        assert_eq!(verdict(&played, Least("ours", "peer", "rate", 3.0)), Verdict::Skip);
        played.entries[2].failed = Some("signal 11".into());
        assert_eq!(verdict(&played, Least("ours", "peer", "rate", 3.0)), Verdict::Fail);
        played.entries[0].failed = Some("no zram".into());
        assert_eq!(verdict(&played, Least("ours", "alone", "rate", 3.0)), Verdict::Skip);
    }
}
