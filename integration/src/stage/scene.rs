//! Plays a scene: every contender once a round, in rotated order, at each size of the disk's readahead.
//!
//! What must hold here: a contender that failed once has no figures and plays no more, because those that it has are of
//! the rounds that suited it; all contenders of a round read in the same order (one seed a round).

use super::judge::{Goal, judge};
use super::{Sample, Stage, settings};
use crate::prove::{Line, Sink};
use crate::stats::median;

/// A scene, with what it must show.
pub struct Scene {
    /// as ROWS takes it
    pub name: &'static str,
    /// what happens in it
    pub title: &'static str,
    /// who takes turns; the first is what the others are compared with
    pub contenders: &'static [&'static str],
    /// KiB of the disk's readahead
    pub aheads: &'static [u32],
    /// turns of each
    pub rounds: usize,
    /// plays it once
    pub play: fn(&mut Stage, &Turn) -> Result<Sample, String>,
    /// what must come of it
    pub goals: &'static [Goal],
}

/// One contender's turn.
pub struct Turn {
    /// who
    pub contender: &'static str,
    /// which round, from 1; the seed of what is drawn
    pub round: usize,
}

/// A contender's samples, or why there are none.
pub struct Entry {
    /// who
    pub contender: &'static str,
    /// one a round
    pub samples: Vec<Sample>,
    /// why it has no figures
    pub failed: Option<String>,
}

/// What a scene came to at one size of readahead.
pub struct Played {
    /// in the scene's order
    pub entries: Vec<Entry>,
}

impl Played {
    /// A contender's values of a figure, one a round; the error says why there are none.
    pub fn values(&self, contender: &str, figure: &str) -> Result<Vec<f64>, String> {
        let entry = self.entries.iter().find(|e| e.contender == contender).ok_or("not played")?;
        if let Some(why) = &entry.failed {
            return Err(format!("{contender}: {why}"));
        }
        let values: Option<Vec<f64>> = entry.samples.iter().map(|s| s.get(figure).copied()).collect();
        values.filter(|v| !v.is_empty()).ok_or(format!("{contender} has no {figure}"))
    }

    /// The median of a figure.
    pub fn median(&self, contender: &str, figure: &str) -> Option<f64> {
        self.values(contender, figure).ok().map(|v| median(&v))
    }
}

/// Plays those of the scenes that are asked for, a line for each goal.
pub fn prove(part: &str, scenes: &[Scene], sink: Sink<'_>) {
    let wanted = settings::rows();
    let chosen: Vec<&Scene> =
        scenes.iter().filter(|s| wanted.is_empty() || wanted.iter().any(|w| w == s.name)).collect();
    if chosen.is_empty() {
        return;
    }
    let mut stage = match Stage::new() {
        Ok(stage) => stage,
        Err(why) => {
            for scene in chosen {
                sink(Line::skipped(&format!("{part}: {}", scene.title), "", why.clone()));
            }
            return;
        }
    };
    eprintln!("{part}: {}", stage.about());
    for scene in chosen {
        if let Err(why) = prove_one(part, scene, &mut stage, sink) {
            sink(Line::broken(&format!("{part}: {}", scene.title), "", why));
        }
    }
}

fn prove_one(part: &str, scene: &Scene, stage: &mut Stage, sink: Sink<'_>) -> Result<(), String> {
    let aheads = settings::aheads()?.unwrap_or_else(|| scene.aheads.to_vec());
    let rounds = settings::rounds()?.unwrap_or(scene.rounds);
    for ahead in aheads {
        let played = play(scene, stage, rounds, ahead);
        for goal in scene.goals {
            let title = format!("{part}: {}, {ahead}K ahead", scene.title);
            sink(judge(&played, goal, &title));
        }
    }
    Ok(())
}

fn play(scene: &Scene, stage: &mut Stage, rounds: usize, ahead: u32) -> Played {
    let empty = |c: &&'static str| Entry { contender: c, samples: vec![], failed: None };
    let mut entries: Vec<Entry> = scene.contenders.iter().map(empty).collect();
    for round in 1..=rounds {
        for turn in 0..entries.len() {
            let at = (turn + round) % scene.contenders.len();
            let entry = &mut entries[at];
            if entry.failed.is_some() {
                continue;
            }
            stage.clear_reports();
            let found = play_once(scene, stage, &Turn { contender: entry.contender, round }, ahead);
            if settings::shows() {
                eprintln!("{} {ahead}K round {round} {}: {found:?}", scene.name, entry.contender);
                eprint!("{}", stage.reports());
            }
            match found {
                Ok(sample) => entry.samples.push(with_derived(sample)),
                Err(why) => entry.failed = Some(why),
            }
        }
    }
    Played { entries }
}

/// The readahead is the machine's: what was measured while somebody else wrote to it is measured again.
fn play_once(scene: &Scene, stage: &mut Stage, turn: &Turn, ahead: u32) -> Result<Sample, String> {
    for _ in 0..3 {
        stage.disk.set_ahead(ahead)?;
        let found = (scene.play)(stage, turn);
        if stage.disk.ahead()? == ahead {
            return found;
        }
    }
    Err("somebody else sets the disk's read_ahead_kb".into())
}

/// Adds what follows from other figures: `cost`, seconds an operation; `precision` and `recall` of what is locked.
fn with_derived(mut sample: Sample) -> Sample {
    let part = |of: &str, by: &str| Some(sample.get(of)? / sample.get(by)?.max(1.0));
    let found = [("precision", part("locked_hot", "locked")), ("recall", part("locked_hot", "hot"))];
    sample.extend(found.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    if let (Some(seconds), Some(operations)) = (sample.get("seconds"), sample.get("operations")) {
        sample.insert("cost".into(), seconds / operations.max(1.0));
    }
    sample
}
