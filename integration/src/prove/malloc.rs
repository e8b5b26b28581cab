//! malloc memory beside the peers: the rows of `make bench`, judged.
//!
//! What must hold here: the best peer of a row is found among all of them in a few rounds of its own, and the ratio to it is
//! taken from other rounds, in which only the best few, the program alone and Faultless take turns; a ratio passes by the
//! upper end of its interval, within 1.05 of the goal.

use super::{Line, Sink};
use crate::bench::Bench;
use crate::bench::contenders::{self, Contender, Role};
use crate::bench::ratio::Ratio;
use crate::bench::rows::{self, Row};
use crate::bench::table::Table;

/// Rounds in which all peers run, to find the best of them.
const SCREENING: usize = 2;
/// So many of them go on.
const FINALISTS: usize = 3;
/// Rounds that are judged; more where a run takes no tenth of a second, because noise weighs more there, and where the
/// slowest of many counts.
const ROUNDS: usize = 9;
const ROUNDS_OF_SHORT: usize = 31;
/// MiB: rows that touch at most this are short, if the contenders are as fast as the best; those that touch next to nothing
/// always.
const SHORT: u64 = 300;
const NEXT_TO_NOTHING: u64 = 64;
/// Starts that must all have huge pages.
const STARTS: usize = 200;
/// What the whole tree may keep of what is freed, in MiB, by default.
const RETAIN: f64 = 256.0;

/// A goal of one row.
enum Goal {
    /// figure by the best peer's
    Best(&'static str, f64),
    /// figure by the same figure alone
    Alone(&'static str, f64),
    /// not slower than alone: the interval holds 1, or lies below
    NotSlower(&'static str),
    /// figure of `populate` by the best peer's
    Populated(&'static str, f64),
    /// one figure of `populate` by another of its own
    PopulatedBy(&'static str, &'static str, f64),
    /// at least so many per cent on huge pages
    Huge(f64),
    /// MiB: at most so many beyond those alone
    Beyond(&'static str, f64),
}

/// The rows, with what each must reach.
const GOALS: &[(&str, &[Goal])] = {
    use Goal::*;
    &[
        ("one-main", &[Best("touch", 1.0), Huge(98.0)]),
        ("one-pthread", &[Best("touch", 1.0), Huge(98.0)]),
        ("one-8", &[Best("touch", 1.0), Huge(98.0)]),
        ("blocks", &[Best("touch", 1.0), Huge(100.0)]),
        ("big-malloc", &[Best("total", 1.0), Populated("total", 0.75), PopulatedBy("touch", "again", 1.2)]),
        ("big-calloc", &[Best("total", 1.0)]),
        ("reads", &[Best("reads", 1.02), Alone("reads", 0.75)]),
        ("reuse", &[Best("total", 1.1), Alone("total", 1.0 / 80.0)]),
        ("realloc", &[Best("total", 0.5)]),
        ("churn-256k", &[Alone("total", 0.5)]),
        ("churn-900k", &[Alone("total", 0.5)]),
        ("nodes", &[Best("build+look", 1.0), Alone("peak_rss", 1.03)]),
        ("left", &[Beyond("rss_after_free", RETAIN), Beyond("rss_after_trim", RETAIN)]),
        ("mmap", &[Alone("total", 0.25)]),
        ("small-1", &[Alone("pair", 1.25)]),
        ("small-2", &[Alone("pair", 1.25)]),
        ("redis-load", &[NotSlower("load")]),
        ("redis-save", &[Beyond("save_peak", RETAIN)]),
        ("numpy", &[NotSlower("temporaries")]),
        ("dict", &[NotSlower("build+look up")]),
        ("gcc", &[NotSlower("wall")]),
        ("java", &[NotSlower("wall")]),
        ("fragmented", &[Alone("slowest", 1.5)]),
    ]
};

/// A line for each goal, then one for all starts and one for the memory of all rows.
pub fn prove(sink: Sink<'_>) {
    let mut bench = match Bench::new() {
        Ok(bench) => bench,
        Err(why) => return sink(Line::broken("malloc: beside the peers", "", why)),
    };
    let mut peaks = vec![];
    for (name, goals) in GOALS {
        let Some(row) = rows::TABLE.iter().find(|r| r.name == *name) else { continue };
        match measured(&mut bench, row, goals) {
            Err(why) => goals.iter().for_each(|g| sink(Line::skipped(&criterion(row, g), &g.text(), why.clone()))),
            Ok(table) => {
                goals.iter().for_each(|goal| sink(judge(&table, goal)));
                let peak = |who| table.median(who, "peak_rss");
                peaks.extend(peak("alone").zip(peak("faultless")).map(|(alone, ours)| (row.name, alone, ours)));
            }
        }
    }
    sink(memory(&peaks));
    for name in ["one-main", "one-pthread", "one-8"] {
        sink(starts(&mut bench, name));
    }
}

/// All that a row's goals ask for, in turns.
fn measured(bench: &mut Bench, row: &'static Row, goals: &[Goal]) -> Result<Table, String> {
    let is = |name: &str| contenders::TABLE.iter().filter(|c| c.name == name).collect::<Vec<_>>();
    let mut who: Vec<&'static Contender> = [is("alone"), is("faultless")].concat();
    if row.populate {
        who.extend(is("populate"));
    }
    if let Some(figure) = goals.iter().find_map(|g| g.best_of()) {
        let peers: Vec<&'static Contender> = contenders::TABLE.iter().filter(|c| c.role == Role::Peer).collect();
        let screened = bench.run(row, &peers, SCREENING, &mut |_| ())?;
        let mut found: Vec<(f64, &'static Contender)> =
            peers.into_iter().filter_map(|p| Some((screened.median(p.name, figure)?, p))).collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        who.extend(found.iter().take(FINALISTS).map(|(_, peer)| *peer));
    }
    let has_best = goals.iter().any(|g| matches!(g, Goal::Best(..)));
    let is_short = row.touches <= if has_best { SHORT } else { NEXT_TO_NOTHING };
    bench.run(row, &who, if is_short || row.fragmented { ROUNDS_OF_SHORT } else { ROUNDS }, &mut |_| ())
}

impl Goal {
    fn best_of(&self) -> Option<&'static str> {
        match self {
            Goal::Best(figure, _) | Goal::Populated(figure, _) => Some(figure),
            _ => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Goal::Best(_, most) => format!("at most {most} × the best peer"),
            Goal::Alone(_, most) if *most < 0.1 => format!("{:.0} × faster than alone", 1.0 / most),
            Goal::Alone(_, most) => format!("at most {most} × alone"),
            Goal::NotSlower(_) => "not slower than alone".into(),
            Goal::Populated(_, most) => format!("populate: {most} × the best peer"),
            Goal::PopulatedBy(_, other, most) => format!("populate: {most} × {other}"),
            Goal::Huge(least) => format!("{least} % on huge pages"),
            Goal::Beyond(_, mib) => format!("alone and {mib:.0} MiB"),
        }
    }
}

fn criterion(row: &Row, goal: &Goal) -> String {
    let figure = match goal {
        Goal::Huge(_) => "huge pages",
        Goal::Best(f, _) | Goal::Alone(f, _) | Goal::NotSlower(f) | Goal::Populated(f, _) | Goal::Beyond(f, _) => f,
        Goal::PopulatedBy(f, ..) => f,
    };
    format!("malloc: {}, {figure}", row.title)
}

fn judge(table: &Table, goal: &Goal) -> Line {
    let line = |measured: String, met| Line::judged(&criterion(table.row, goal), &goal.text(), measured, met);
    let broken = || {
        let why = table.entries.iter().find_map(|e| e.failed.clone().or(e.not_run.clone()));
        Line::broken(&criterion(table.row, goal), &goal.text(), why.unwrap_or_else(|| "no figures".into()))
    };
    let ratio = |of: &str, by: Option<&str>, figure: &str, most: f64| match by.and_then(|b| table.versus(of, b, figure))
    {
        Some(found) => line(found.to_string(), found.high <= most * 1.05).noted(medians(table, figure)),
        None => broken(),
    };
    match goal {
        Goal::Best(figure, most) => ratio("faultless", table.best_peer(figure), figure, *most),
        Goal::Populated(figure, most) => ratio("populate", table.best_peer(figure), figure, *most),
        Goal::Alone(figure, most) => ratio("faultless", Some("alone"), figure, *most),
        Goal::NotSlower(figure) => match table.versus("faultless", "alone", figure) {
            Some(found) => line(found.to_string(), found.low <= 1.0).noted(medians(table, figure)),
            None => broken(),
        },
        Goal::PopulatedBy(figure, other, most) => {
            let values = |figure| table.values("populate", figure).unwrap_or_default();
            match crate::bench::ratio::paired(&values(figure), &values(other)) {
                Some(found @ Ratio { high, .. }) => line(found.to_string(), high <= most * 1.05),
                None => broken(),
            }
        }
        Goal::Huge(least) => match table.values("faultless", "huge_pct") {
            Some(values) => {
                let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
                line(format!("{lowest:.1} % at the least"), lowest >= *least - 0.05)
            }
            None => broken(),
        },
        Goal::Beyond(figure, mib) => match (table.median("faultless", figure), table.median("alone", figure)) {
            (Some(ours), Some(alone)) => {
                line(format!("{ours:.0} MiB, alone {alone:.0}"), ours <= alone + mib).noted(medians(table, figure))
            }
            _ => broken(),
        },
    }
}

/// Everybody's median of a figure.
fn medians(table: &Table, figure: &str) -> String {
    let one = |e: &crate::bench::table::Entry| {
        table.median(e.contender.name, figure).map(|m| format!("{} {m:.4}", e.contender.name))
    };
    table.entries.iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

/// The memory of all rows together.
fn memory(peaks: &[(&str, f64, f64)]) -> Line {
    let most = |(_, alone, _): &(&str, f64, f64)| 1.1 * alone + RETAIN;
    let worst = peaks.iter().max_by(|a, b| (a.2 / most(a)).total_cmp(&(b.2 / most(b))));
    let (criterion, goal) = ("malloc: peak memory of every row", "1.1 × alone, and retain-max");
    match worst {
        None => Line::broken(criterion, goal, "no row was measured"),
        Some(row @ (name, alone, ours)) => {
            let measured = format!("{ours:.0} MiB, alone {alone:.0}");
            Line::judged(criterion, goal, measured, *ours <= most(row)).noted(format!("the worst, {name}"))
        }
    }
}

/// A row many times: each start must have its huge pages.
fn starts(bench: &mut Bench, name: &str) -> Line {
    let goal = format!("{STARTS} of {STARTS} at 98 % huge");
    let (Some(row), Some(ours)) = (rows::TABLE.iter().find(|r| r.name == name), contenders::find("faultless")) else {
        return Line::broken("malloc: every start", &goal, "no such row");
    };
    let criterion = format!("malloc: {}, every start", row.title);
    let mut good = 0;
    let mut lowest = f64::INFINITY;
    for _ in 0..STARTS {
        match bench.once(row, ours) {
            Err(why) => return Line::broken(&criterion, &goal, why),
            Ok(sample) => {
                let huge = sample.value("huge_pct").unwrap_or(0.0);
                lowest = lowest.min(huge);
                good += usize::from(huge >= 98.0);
            }
        }
    }
    Line::judged(&criterion, &goal, format!("{good} of {STARTS}, lowest {lowest:.1} %"), good == STARTS)
}
