//! A file of twice the limit with its hot tenth in pieces of 2 MiB; the hot part moves, is everywhere, or grows.

use super::reads;
use crate::stage::judge::Goal::{Above, Below, Least, NotSlower};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage};

/// Seconds that finding may take.
const FIND: f64 = 15.0;
const FIND_AGAIN: f64 = 20.0;
/// Seconds of what is compared before and after the hot part moved.
const LOOK: f64 = 4.0;
/// Seconds of what was never found.
const NEVER: f64 = 999.0;

pub fn scenes() -> Vec<Scene> {
    vec![
        Scene {
            name: "scattered",
            title: "hot tenth in pieces of 2 MiB",
            contenders: &["alone", "random-hot", "files", "oracle"],
            aheads: &[128],
            rounds: 3,
            play: scattered,
            goals: &[
                Below("random-hot", "found_after", FIND),
                Above("random-hot", "precision", 0.95),
                Above("random-hot", "recall", 0.9),
                Least("random-hot", "oracle", "rate", 0.9),
                Least("random-hot", "alone", "rate", 2.7),
                Above("files", "precision", 0.95),
                Above("files", "recall", 0.9),
            ],
        },
        Scene {
            name: "moves",
            title: "the hot tenth moves",
            contenders: &["random-hot"],
            aheads: &[128],
            rounds: 3,
            play: moves,
            goals: &[Above("random-hot", "again", 0.9), Above("random-hot", "precision", 0.95)],
        },
        Scene {
            name: "nothing-hot",
            title: "uniform reads, nothing is hot",
            contenders: &["alone", "hot"],
            aheads: &[128],
            rounds: 5,
            play: nothing_hot,
            goals: &[NotSlower("hot", "alone", "cost", 1.0 / 0.98), Above("hot", "said", 1.0)],
        },
        Scene {
            name: "grows",
            title: "the hot part grows beyond the budget",
            contenders: &["alone", "hot"],
            aheads: &[128],
            rounds: 3,
            play: |stage, turn| {
                let arguments = ["pattern=scattered", "settle=8", "grow=0.1", "seconds=6"];
                reads(stage, turn, &arguments).map(|(sample, _)| sample)
            },
            goals: &[NotSlower("hot", "alone", "cost", 1.0 / 0.98)],
        },
    ]
}

fn scattered(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    // the same time for those who find nothing: what is in memory goes on settling for long
    let arguments = ["pattern=scattered", &format!("settle={FIND}"), "seconds=4", "watch=1000"];
    let (mut sample, watched) = reads(stage, turn, &arguments)?;
    let good = |s: &&Sample| s["locked_hot"] >= 0.95 * s["locked"].max(1.0) && s["locked_hot"] >= 0.9 * s["hot"];
    let found = watched.iter().find(good).map_or(NEVER, |s| s["at"]);
    sample.insert("found_after".into(), found);
    Ok(sample)
}

fn moves(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let seconds = LOOK + FIND_AGAIN + LOOK;
    let arguments = [
        "pattern=scattered",
        "watch=500",
        &format!("settle={FIND}"),
        &format!("move={LOOK}"),
        &format!("seconds={seconds}"),
    ];
    let (mut sample, watched) = reads(stage, turn, &arguments)?;
    let in_window = |from: f64| -> f64 {
        watched.iter().filter(|s| s["at"] > from && s["at"] <= from + LOOK + 0.2).map(|s| s["reads"]).sum()
    };
    let (before, after) = (in_window(FIND), in_window(FIND + LOOK + FIND_AGAIN));
    sample.insert("again".into(), after / before.max(1.0));
    Ok(sample)
}

fn nothing_hot(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let (mut sample, _) = reads(stage, turn, &["pattern=uniform", "settle=6", "seconds=4"])?;
    sample.insert("said".into(), f64::from(u8::from(stage.reports().contains("no hot set"))));
    Ok(sample)
}
